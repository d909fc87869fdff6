"""Commits and credits: reading, changing, their ledger and what is left of them."""
