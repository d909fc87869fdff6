"""Waiting for outcomes: when to look, hints that it is time to, and what is sent again meanwhile."""
