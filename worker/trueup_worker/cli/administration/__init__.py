"""Commands for accounts, tokens, the catalog and the sandbox clock."""
