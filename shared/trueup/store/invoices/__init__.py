"""Obligations and the invoices that they become: due, settled, listed, voided, made anew."""
