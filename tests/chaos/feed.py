"""A reader of the feed, who pages at any moment while everything around dies, and what must hold of what was read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from threading import Event as Flag
from threading import Lock, Thread
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from trueup.errors import TrueupError
from trueup.store.events.event import Event
from trueup.store.events.read import read_feed
from trueup.store.postgres.engine import snapshot

_PAUSE_S_MAX = 0.3
_PAGE_MAX = 60
_AGAIN_PAGE = 1_000

_PLACED = text("""
    SELECT event, id FROM outbox CROSS JOIN unnest(subject_ids) AS id
     WHERE account_id = :a AND last_position IS NOT NULL
""")
_INVOICED = text("SELECT id, commit_id FROM invoice WHERE account_id = :a AND commit_id IS NOT NULL")


class FeedReader:
    """A reader of some accounts' feeds, each with a cursor that is never set back.

    Attributes:
        read: what was read, in the order in which it was read.
        behind: subjects of whose events one must stand behind the other: it began when the other had committed.
    """

    def __init__(self, engine: Engine, account_ids: Mapping[str, int]) -> None:
        self._engine, self._account_ids, self._rng, self._lock = engine, account_ids, Random(0), Lock()
        self.read: dict[str, list[Event]] = {name: [] for name in account_ids}
        self.behind: list[tuple[UUID, UUID]] = []
        self._cursors: dict[str, int | None] = dict.fromkeys(account_ids)
        self._refused: list[str] = []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Pages meanwhile, at random moments, some events at a time."""
        over = Flag()

        def go_on() -> None:
            while not over.wait(self._rng.uniform(0, _PAUSE_S_MAX)):
                self._page_somewhere()

        thread = Thread(target=go_on, name="reader of the feed", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def violations(self) -> Iterator[str]:
        """What does not hold once the reader has come to the end."""
        with self._lock, snapshot(self._engine) as connection:
            yield from self._refused
            for name, account_id in self._account_ids.items():
                while self._page(connection, name, _AGAIN_PAGE):
                    pass
                yield from (f"{name}: {each}" for each in self._of(connection, account_id, self.read[name]))

    def _of(self, connection: Connection, account_id: int, read: Sequence[Event]) -> Iterator[str]:
        which = {"a": account_id}
        placed = Counter((row.event, row.id) for row in connection.execute(_PLACED, which))
        told = Counter((each.type, each.subject_id) for each in read)
        yield from (f"{event} of {subject} was skipped" for event, subject in placed - told)
        yield from (f"{event} of {subject} was read, and is not there so often" for event, subject in told - placed)
        if len({each.id for each in read}) != len(read):
            yield "two events have one id"
        for nth, each in enumerate(read, start=1):
            if each.position != nth:
                yield f"the event {each.id} was read as number {nth} and has the position {each.position}"
                break
        if (again := _read_again(connection, account_id)) != read:
            yield f"{len(read)} events were read, and the same {len(again)} are others when they are read again"
        yield from self._out_of_order(connection, account_id, read)

    def _out_of_order(self, connection: Connection, account_id: int, read: Sequence[Event]) -> Iterator[str]:
        told = (each for each in reversed(read) if each.type.endswith((".created", ".edited")))
        created = {each.subject_id: each.position for each in told}  # what is edited was created before
        issued = {each.subject_id: each.position for each in read if each.type == "invoice.finalized"}
        for before, after in self.behind:
            if created.get(before, 0) > created.get(after, len(read)):
                yield f"{after} stands before {before}, which had committed when it began"
        for row in connection.execute(_INVOICED, {"a": account_id}):
            if created.get(row.commit_id, 0) > issued.get(row.id, len(read)):
                yield f"the invoice {row.id} stands before its commit"

    def _page_somewhere(self) -> None:
        name, limit = self._rng.choice(list(self._cursors)), self._rng.randint(1, _PAGE_MAX)
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    self._page(connection, name, limit)
            except DBAPIError:  # it is away
                return
            except TrueupError as refused:
                self._refused.append(f"{name}: a reader was refused: {refused}")

    def _page(self, connection: Connection, name: str, limit: int) -> bool:
        page = read_feed(connection, self._account_ids[name], after=self._cursors[name], limit=limit)
        self.read[name] += page.events
        self._cursors[name] = page.cursor
        return page.has_more


def _read_again(connection: Connection, account_id: int) -> list[Event]:
    found: list[Event] = []
    cursor, has_more = None, True
    while has_more:
        page = read_feed(connection, account_id, after=cursor, limit=_AGAIN_PAGE)
        found += page.events
        cursor, has_more = page.cursor, page.has_more
    return found
