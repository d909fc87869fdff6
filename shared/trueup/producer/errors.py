"""Errors of a producer that come from outside."""

from trueup.errors import TrueupError, Unavailable


class DatabaseUnavailable(Unavailable):
    """The database did not answer, does not know the account, or was not named."""


class BadDatabaseUrl(TrueupError, ValueError):
    """`database_url` reads postgresql://user:password@host:port/database, with odd characters percent-encoded."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)
