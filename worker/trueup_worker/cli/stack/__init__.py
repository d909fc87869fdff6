"""Commands for the stack: start, stop, check, migrate."""
