"""The body of a request: its fields, its rules, its normal form, and what it refers to."""
