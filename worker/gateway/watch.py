"""Reading outcomes for all who wait: one reader, which takes all that is wanted at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import psycopg
import structlog

from shared.settings import Settings
from shared.store.engine import connect_in_loop
from shared.store.errors import primary_message
from shared.store.outcomes import read_outcomes_in_loop
from shared.wire.outcome import Outcome
from worker.gateway.ticket import Ticket

log = structlog.get_logger()

Wanted = dict[int, list[UUID]]  # ids by account


class OutcomeReader:
    """Reads outcomes on a connection of its own, kept open: a look costs one round trip, and no thread."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._timeout_s = str(settings.database_url), settings.statement_timeout_s
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def read(self, wanted: Wanted) -> list[Outcome]:
        """The outcomes that are there.

        Raises:
            psycopg.Error: the database did not answer.
            Exception: what it answered cannot be read. Either way the next look takes another connection.
        """
        found: list[Outcome] = []
        try:
            if self._connection is None:
                self._connection = await connect_in_loop(self._url, statement_timeout_s=self._timeout_s)
            for account_id, ids in wanted.items():
                found += (await read_outcomes_in_loop(self._connection, account_id, ids)).values()
        except Exception:
            await self.close()
            raise
        return found

    async def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Watch:
    """Who waits for which outcome.

    Args:
        reader: where outcomes are read.
        interval_s: how often everybody is looked after, as things stand.
    """

    def __init__(self, reader: OutcomeReader, *, interval_s: Callable[[], float]) -> None:
        self._reader, self._interval_s = reader, interval_s
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
            found = await self._reader.read(by_account)
        except Exception as error:  # noqa: BLE001 - the next look tries again; who waits too long is kept
            log.warning("outcomes cannot be read", action="outcomes_unread", error=primary_message(error))
            return
        for outcome in found:
            ticket = self._waiting.pop(str(outcome.request_id), None)
            if ticket is not None:
                ticket.give(outcome)
