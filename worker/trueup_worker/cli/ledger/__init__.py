"""Commands for commits, invoices and balances."""
