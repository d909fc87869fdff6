"""Customers, products, contracts and units: the records that requests refer to."""
