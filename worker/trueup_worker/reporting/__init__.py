"""Reports: forecasts, explanations, balances, drafts.

Each reads one snapshot, in a transaction in which nothing can be written.
"""
