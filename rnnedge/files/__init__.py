"""What every reader of tables and recordings shares, so that they agree; needs numpy only."""
