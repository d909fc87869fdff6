"""Mappings: a TOML file that says how the columns of any table fill the fields of requests."""
