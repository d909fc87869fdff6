"""Reports: forecasts, explanations, balances, drafts. Nothing here writes."""
