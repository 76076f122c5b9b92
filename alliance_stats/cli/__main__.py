"""`python -m alliance_stats.cli` is the command line."""

from . import main

main()
