"""Reading outcomes for all who wait: one reader, which takes all that is wanted at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from shared.store.errors import primary_message
from shared.store.outcomes import read_outcomes
from shared.wire.outcome import Outcome
from worker.gateway.refusals import Refusal
from worker.gateway.threads import Threads
from worker.gateway.ticket import Ticket

log = structlog.get_logger()

Wanted = dict[int, list[UUID]]  # ids by account


class OutcomeReader:
    """Reads outcomes on a connection of its own, kept open: a look costs one round trip."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None

    def read(self, wanted: Wanted) -> list[Outcome]:
        """The outcomes that are there. For one thread only.

        Raises:
            SQLAlchemyError: the database did not answer; the next look takes another connection.
        """
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            connection = self._connection
            return [
                found for account, ids in wanted.items() for found in read_outcomes(connection, account, ids).values()
            ]
        except SQLAlchemyError:
            self.close()
            raise

    def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


class Watch:
    """Who waits for which outcome.

    Args:
        reader: where outcomes are read, in the one thread of `thread`.
        thread: that thread.
        interval_s: how often everybody is looked after, as things stand.
    """

    def __init__(self, reader: OutcomeReader, thread: Threads, *, interval_s: Callable[[], float]) -> None:
        self._reader, self._thread, self._interval_s = reader, thread, interval_s
        self._waiting: dict[str, Ticket] = {}
        self._wanted: set[str] = set()
        self._news = asyncio.Event()

    def expect(self, tickets: Iterable[Ticket]) -> None:
        """From now on these wait; called before they are sent."""
        if not self._waiting:
            self._news.set()  # the pause of one who looks for nobody is longer
        self._waiting.update((ticket.request.id, ticket) for ticket in tickets)

    def forget(self, tickets: Iterable[Ticket]) -> None:
        """These wait no longer."""
        for ticket in tickets:
            self._waiting.pop(ticket.request.id, None)

    def is_waiting_for(self, account_id: int, request_id: str) -> bool:
        """Whether somebody waits for the outcome of this request of this account."""
        ticket = self._waiting.get(request_id)
        return ticket is not None and ticket.account_id == account_id

    def hear(self, account: str, ids: Iterable[str]) -> None:
        """Somebody says that these were decided."""
        waiting = self._waiting
        heard = [each for each in ids if each in waiting and waiting[each].account == account]
        if heard:
            self._wanted.update(heard)
            self._news.set()

    async def look(self) -> None:
        """Reads what was heard of, and from time to time everything that is waited for, until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._interval_s() if self._waiting else None):
                    await self._news.wait()
            except TimeoutError:
                self._wanted.update(self._waiting)
            self._news.clear()
            wanted, self._wanted = self._wanted & self._waiting.keys(), set()
            if wanted:
                await self._answer(wanted)

    async def _answer(self, wanted: Iterable[str]) -> None:
        by_account: defaultdict[int, list[UUID]] = defaultdict(list)
        for each in wanted:
            by_account[self._waiting[each].account_id].append(self._waiting[each].id)
        try:
            found = await self._thread.run(self._reader.read, dict(by_account))
        except (SQLAlchemyError, Refusal) as error:  # the next look tries again; who waits too long is kept
            log.warning("outcomes cannot be read", action="outcomes_unread", error=primary_message(error))
            return
        for outcome in found:
            ticket = self._waiting.pop(str(outcome.request_id), None)
            if ticket is not None:
                ticket.give(outcome)
