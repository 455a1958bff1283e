"""The program of one step as C; templates in C stand in `c/`."""
