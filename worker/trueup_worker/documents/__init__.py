"""Documents: invoices and drafts as pages and PDF, both of the same values.

What is shown is what JSON tells, to the last digit; values are never markup. Nothing here writes, and nothing is set
while a transaction is open.
"""
