"""Requests of a file: each record of a table, line of JSONL or element of a JSON document is one, with its number.

One that cannot be read is a row, too: it travels as it stands there, and its outcome says what is wrong.
"""
