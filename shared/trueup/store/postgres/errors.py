"""Which database errors are worth another try (the SQLSTATE lists follow PostgreSQL's appendix A)."""

import psycopg
from psycopg import Error
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

# Connections (08), a plan from before a migration (0A), read-only failover (25), a statement or cursor that another
# session has (26, 34), rollbacks (40), a schema of another release (42), resources (53), locks (55), operators and
# timeouts (57), the server's own trouble (28, 3D, 58, XX): none of them is the rows' fault.
_AWAY_CLASSES = frozenset({"08", "0A", "25", "26", "28", "34", "3D", "53", "57", "58"})
_TRANSIENT_CLASSES = _AWAY_CLASSES | {"40", "42", "55", "XX"}
_SPOILT = frozenset({"0A000", "25006", "26000"})  # plans of before, a primary of before, statements of another session
_LOCKED = "55P03"  # somebody else holds what the rows need
_TOO_MUCH = frozenset({"57014", "53200"})  # the statement's time, or the server's memory, was used up


def is_permanent(error: BaseException) -> bool:
    """Tell whether the database refused the rows themselves; all else, the unknown included, may pass next time."""
    state = sqlstate(error)
    return state is not None and state[:2] not in _TRANSIENT_CLASSES


def is_away(error: BaseException) -> bool:
    """Tell whether the database could not be asked at all, or did not answer in time."""
    state = sqlstate(error)
    if state is not None:
        return state[:2] in _AWAY_CLASSES
    return isinstance(error, OperationalError | InterfaceError | NoConnectionFree | psycopg.OperationalError)


def is_spoilt(error: BaseException) -> bool:
    """Tell whether every further statement on this connection would fail alike."""
    return sqlstate(error) in _SPOILT


def is_locked(error: BaseException) -> bool:
    """Tell whether a lock was waited for in vain: whoever holds it is to blame, and the rows are not."""
    return sqlstate(error) == _LOCKED


def is_too_much(error: BaseException) -> bool:
    """Tell whether the statement was ended for its time or memory: for its rows, or as a disk stopped."""
    return sqlstate(error) in _TOO_MUCH


def is_transient(error: BaseException) -> bool:
    """Tell whether the same unit of work, run again, may succeed; a connection that was lost is made anew for it."""
    return isinstance(error, Exception) and not is_permanent(error)


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind an error, if the server gave one."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, Error) else None


def constraint_of(error: BaseException) -> str | None:
    """The name of the constraint that an error is about, if it is about one."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.diag.constraint_name if isinstance(cause, Error) else None


def primary_message(error: BaseException) -> str:
    """Message of the server in one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = cause.diag.message_primary if isinstance(cause, Error) else None
    return said or f"{type(error).__name__}: {error}".splitlines()[0]
