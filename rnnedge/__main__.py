"""`python -m rnnedge` is the command line."""

from rnnedge.cli import main

main()
