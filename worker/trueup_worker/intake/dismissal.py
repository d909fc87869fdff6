"""Ends of a delivery other than decisions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from trueup.store.postgres.errors import is_away, primary_message
from trueup.store.postgres.retry import NotRetried, with_retries


class Dismissed(NotRetried):
    """Signal to acknowledge the message: it was decided, is parked, or comes again."""


class TryAgainLater(Exception):
    """Signal to deliver the message again: nothing was decided, and nothing is lost.

    Attributes:
        counts: whether this delivery counts as one of the five: not while the database is away, or a lock is held.
        is_away: whether the database is: then no other message fares better.
    """

    def __init__(self, error: Exception, *, counts: bool) -> None:
        super().__init__(primary_message(error))
        self.counts = counts
        self.is_away = is_away(error)


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection for all units of work of a delivery.

    Raises:
        TryAgainLater: there is none.
    """
    try:
        connection = with_retries(engine.connect)
    except Exception as error:
        raise TryAgainLater(error, counts=not is_away(error)) from error
    with connection:
        yield connection
