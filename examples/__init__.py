"""Programs and networks to start from; each folder says how to run it."""
