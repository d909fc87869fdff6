"""Accounts, their tokens and what their operators did."""
