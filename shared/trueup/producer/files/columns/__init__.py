"""Columns: their names, the fields of requests that they fill, and how their numbers are written."""
