"""`python -m inference.cli` is `anodebayes`, where the command itself is not on the path."""

from inference.cli import main

main()
