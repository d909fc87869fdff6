"""Suggestions: a first mapping of a table, from its header and its first rows.

What always holds: nothing is guessed. What a name or its values do not decide stays open, and a mapping with an open
point sends nothing. The text that is written is a mapping as `trueup.producer.files.mapping` reads it.
"""
