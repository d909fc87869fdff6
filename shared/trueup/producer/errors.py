"""Errors of a producer that come from outside."""


class DatabaseUnavailable(Exception):
    """The database did not answer, does not know the account, or was not named."""
