"""Fault of an error of the database: of the rows, of their cost, or of nobody."""

import time
from enum import Enum, auto
from secrets import token_bytes

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from trueup.store.postgres.engine import transaction
from trueup.store.postgres.errors import is_away, is_locked, is_permanent, is_too_much

_PROBE_S_MAX = 2.0  # in which a row must be on the disk; one that stopped takes longer, or for ever
# A digest of its own: nobody waits for anybody, and nothing is left of it.
_PROBE = (
    text("INSERT INTO delivery (account_id, digest, count) VALUES (0, :digest, 1)"),
    text("DELETE FROM delivery WHERE account_id = 0 AND digest = :digest"),
)


class Fault(Enum):
    """Kinds of fault that an error of the database can have.

    Attributes:
        REFUSED: the rows', for good.
        COSTLY: the rows', as a statement with fewer of them may show.
        UNKNOWN: counted against the rows, as nobody else is known.
        NOBODYS: the database's, or that of whoever holds a lock: it does not count.
    """

    REFUSED = auto()
    COSTLY = auto()
    UNKNOWN = auto()
    NOBODYS = auto()


def fault_of(error: BaseException, on: Engine) -> Fault:
    """Judge an error that rows have met.

    A statement that used up its time or memory is its rows' fault only where the database stores another row right
    afterwards: under a disk that stopped, everything takes too long.
    """
    if is_permanent(error):
        return Fault.REFUSED
    if is_locked(error):
        return Fault.NOBODYS
    if is_too_much(error):
        return Fault.COSTLY if can_write(on) else Fault.NOBODYS
    return Fault.NOBODYS if is_away(error) else Fault.UNKNOWN


def can_write(on: Engine) -> bool:
    """Tell whether the database stores one row, on its disk, in a moment."""
    began_s = time.monotonic()
    given = {"digest": token_bytes(32)}
    try:
        with transaction(on) as connection:
            for statement in _PROBE:
                connection.execute(statement, given)
    except SQLAlchemyError:
        return False
    return time.monotonic() - began_s < _PROBE_S_MAX
