"""Reading outcomes for all who wait: one reader, which takes all that is wanted at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import psycopg
import structlog

from trueup.settings import Settings
from trueup.store.postgres.connecting import connect_in_loop
from trueup.store.postgres.errors import primary_message
from trueup.store.requests.outcomes import read_outcomes_in_loop
from trueup.wire.outcome import Outcome
from trueup_worker.gateway.enqueue.pending_request import Answer, PendingRequest
from trueup_worker.gateway.http.refusals import in_doubt

log = structlog.get_logger()

Wanted = Mapping[int, Collection[str]]  # ids by account


class OutcomeReader:
    """A reader of outcomes on a connection of its own, kept open: a look costs one round trip, and no thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cursor: psycopg.AsyncCursor[Any] | None = None

    async def read(self, wanted: Wanted) -> list[Outcome]:
        """The outcomes that are there.

        Raises:
            psycopg.Error: the database did not answer.
            Exception: what it answered cannot be read. Either way the next look takes another connection.
        """
        found: list[Outcome] = []
        try:
            if self._cursor is None:
                connection = await connect_in_loop(
                    str(self._settings.database_url),
                    statement_timeout_s=self._settings.statement_timeout_s,
                    pooler=self._settings.database_pooler,
                )
                self._cursor = connection.cursor()
            for account_id, ids in wanted.items():
                found += await read_outcomes_in_loop(self._cursor, account_id, ids)
        except Exception:
            await self.close()
            raise
        return found

    async def close(self) -> None:
        """Close the connection."""
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            await cursor.connection.close()


class OutcomeWatch:
    """A register of who waits for which outcome.

    Args:
        reader: where outcomes are read.
        interval_s: how often everybody is looked after, as things stand.
        on_answer: called when somebody got an outcome.
    """

    def __init__(
        self, reader: OutcomeReader, *, interval_s: Callable[[], float], on_answer: Callable[[], None] = lambda: None
    ) -> None:
        self._reader, self._interval_s, self._on_answer = reader, interval_s, on_answer
        self._waiting: dict[str, list[PendingRequest]] = {}
        self._wanted: set[str] = set()
        self._news = asyncio.Event()
        self._patrol: asyncio.TimerHandle | None = None

    def expect(self, pending_requests: Iterable[PendingRequest]) -> None:
        """From now on these wait; called before they are sent. A retry waits for the same request as its first try."""
        for pending_request in pending_requests:
            self._waiting.setdefault(pending_request.request.id, []).append(pending_request)
        if self._patrol is None:
            self._look_later()

    def forget(self, pending_requests: Iterable[PendingRequest]) -> None:
        """Forget requests that nobody waits for any more."""
        for pending_request in pending_requests:
            others = [each for each in self._waiting.pop(pending_request.request.id, ()) if each is not pending_request]
            if others:
                self._waiting[pending_request.request.id] = others

    def give(self, pending_requests: Iterable[PendingRequest], answer: Answer) -> None:
        """Answer the calls that wait for these."""
        for pending_request in pending_requests:
            self.forget([pending_request])
            pending_request.give(answer)

    def refuse(self, pending_requests: Iterable[PendingRequest], error: Exception) -> None:
        """Refuse the calls that wait for these."""
        for pending_request in pending_requests:
            self.forget([pending_request])
            pending_request.fail(error)

    def leave_in_doubt(self, pending_requests: Iterable[PendingRequest]) -> None:
        """Tell the calls that wait for these their ids, as nobody knows what becomes of them."""
        for pending_request in pending_requests:
            self.refuse([pending_request], in_doubt(pending_request.request.id))

    def is_waiting_for(self, account_id: int, request_id: str) -> bool:
        """Tell whether somebody waits for the outcome of this request of this account."""
        return any(pending_request.account_id == account_id for pending_request in self._waiting.get(request_id, ()))

    def hear(self, account: str, ids: Iterable[str]) -> None:
        """Somebody says that these were decided."""
        waiting = self._waiting
        heard = [each for each in ids if each in waiting and waiting[each][0].account == account]
        if heard:
            self._wanted.update(heard)
            self._news.set()

    async def look(self) -> None:
        """Read what was heard of, and from time to time everything that is waited for, until it is cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            wanted, self._wanted = self._wanted & self._waiting.keys(), set()
            try:
                await self._answer(wanted)
            except Exception as error:  # noqa: BLE001 - the next look tries again; who waits too long is kept
                log.warning("outcomes cannot be read", action="outcomes_unread", error=primary_message(error))

    def _look_later(self) -> None:
        self._patrol = asyncio.get_running_loop().call_later(self._interval_s(), self._look_after_all)

    def _look_after_all(self) -> None:
        """One timer for as long as anybody waits: one for each would cost more than most of them are there for."""
        self._patrol = None
        if self._waiting:
            self._wanted.update(self._waiting)
            self._news.set()
            self._look_later()

    async def _answer(self, wanted: Iterable[str]) -> None:
        by_account: defaultdict[int, list[str]] = defaultdict(list)
        for each in wanted:
            by_account[self._waiting[each][0].account_id].append(each)
        for outcome in await self._reader.read(by_account):
            for pending_request in self._waiting.pop(str(outcome.request_id), ()):
                pending_request.give(outcome)
                self._on_answer()
