"""The start of every process: its log and its secret key."""
