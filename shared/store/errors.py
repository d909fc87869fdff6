"""Which database errors are worth another try (the SQLSTATE lists follow PostgreSQL's appendix A)."""

from psycopg import Error
from sqlalchemy.exc import DBAPIError

# Data exceptions, constraint violations, what a trigger raises: the same rows fail again.
_PERMANENT_CLASSES = ("22", "23", "P0")


def is_permanent(error: BaseException) -> bool:
    """Whether the database refused the rows themselves; everything else, the unknown included, may pass next time."""
    state = sqlstate(error)
    return state is not None and state[:2] in _PERMANENT_CLASSES


def is_transient(error: BaseException) -> bool:
    """Whether the same unit of work, run again on a new connection, may succeed."""
    return isinstance(error, Exception) and not is_permanent(error)


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind an error, if the server gave one."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, Error) else None


def primary_message(error: BaseException) -> str:
    """What the server said, in one line: without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = cause.diag.message_primary if isinstance(cause, Error) else None
    return said or f"{type(error).__name__}: {error}".splitlines()[0]
