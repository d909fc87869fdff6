"""Errors of a producer that come from outside."""

from trueup.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    """The database did not answer, does not know the account, or was not named."""
