"""A file becomes commits, or usage lines: sent in envelopes, waited for, sent again where no outcome came.

The file itself is the record of what was accepted: ids are derived from batch and row, so that a second run, or one
after a crash, sends what is not yet a commit, or a usage line, and creates nothing twice.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from uuid import UUID

from sqlalchemy import Engine

from trueup.errors import Unavailable
from trueup.ids import batch_id_from_content, batch_id_from_name, new_id, row_id, row_id_texts, row_of
from trueup.producer.files.key_suffix import with_suffix
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP
from trueup.producer.files.mapping.resolve import lookups_of_batch
from trueup.producer.files.opening.content import ChangedInput, Source
from trueup.producer.files.row import Row
from trueup.producer.files.row_set import RowSet
from trueup.producer.files.rows import Scan, rows
from trueup.producer.outage import Outage, Say, silent
from trueup.producer.publish import Publisher
from trueup.store.requests.batches import Batch, keep_rows, open_batch
from trueup.store.requests.outcomes import count_made, count_outcomes, created_ids, read_outcomes, standing_ids
from trueup.store.requests.standing_outcomes import read_instant
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.message.packing import pack
from trueup.wire.message.queues import route_of
from trueup.wire.outcome import Outcome, Verdict

_POLL_S_MIN = 0.01
_POLL_S_MAX = 0.5
_POLL_S_PER_ENVELOPE = 0.005  # no worker is done with one sooner: a long queue need not be looked at often
_COUNT_EVERY_S = 2.0  # while there is a queue
_LAST_ENVELOPES = 16  # of those that workers have in hand when the queue is empty, more than there are workers
_COUNTING_SHARE = 0.02  # of the time in which it sends: a count reads all that is decided
_PAUSE_S_MAX = 5.0
_RESEND_AFTER_S = 10.0  # without any progress on an empty queue; doubled each time
_RESEND_AFTER_S_MAX = 120.0
_FRUITLESS_MAX = 5
_NOTHING_DECIDED = (
    "the queue is empty, and rows that were sent five times over still have no outcome: see `trueup doctor`, the "
    "workers' logs, and `trueup parked list --unattributed`"
)
_OUTCOMES_AT_ONCE = 1_000

Progress = Callable[[int, int], None]  # rows sent (or there already), rows decided


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a batch; `new` counts the commits, or usage lines, that this run made."""

    batch_id: UUID
    rows: int
    new: int
    created: int
    duplicate: int
    invalid: int
    not_found: int
    parked: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """A row, the id its request has, and what became of it (None: no outcome yet)."""

    row: Row
    id: UUID
    outcome: Outcome | None

    @property
    def failed(self) -> bool:
        """Tell whether there is something to correct: a duplicate with other content is."""
        if self.outcome is None or self.outcome.outcome == "created":
            return self.outcome is None
        existing = self.outcome.existing or {}
        return not (self.outcome.outcome == "duplicate" and existing.get("same_content"))


def name_batch(source: Source, scan: Scan, *, account: str, kind: Kind, name: str | None, new: bool) -> Batch:
    """Which batch this content is: by default the one that the account makes of it, whatever the file is called.

    Args:
        name: a UUID, or any other name, that the user gives it.
        new: a batch of its own, even if the content was ingested before.
    """
    if new:
        batch_id = new_id()
    elif name is not None:
        batch_id = _uuid(name) or batch_id_from_name(account, name)
    else:
        batch_id = batch_id_from_content(account, scan.sha256_hex, kind)
    return Batch(batch_id, name, source.name, bytes.fromhex(scan.sha256_hex), kind, scan.rows)


class NothingDecided(Unavailable):
    """The queue is empty, and still no worker decided the rest, however often it was sent."""


class Ingest:
    """One run over one file.

    Args:
        source: the file.
        scanned: what its first pass found: every later one is held to it.
        batch: what it was named.
        account_id: whose requests they are.
        engine: the database, where outcomes are read.
        publisher: the broker; one that gives up soon, as a run outlasts an outage by itself.
        progress: is told, now and then, how far it is.
        say: is told of outages.
        check: called before anything is sent again; raises when it would be in vain, as with a revoked token.
    """

    def __init__(
        self,
        *,
        source: Source,
        scanned: Scan,
        batch: Batch,
        account_id: int,
        engine: Engine,
        publisher: Publisher,
        progress: Progress,
        say: Say = silent,
        check: Callable[[], object] = bool,
    ) -> None:
        self._source, self._scanned, self._batch = source, scanned, batch
        self._queue = route_of(batch.kind).bulk
        self._account_id, self._engine, self._publisher = account_id, engine, publisher
        self._progress = progress
        self._outlast = Outage(say)
        self._check = check
        self._lookups = NOTHING_LOOKED_UP
        self._began_s = time.monotonic()
        self._anew_before: datetime
        self._made_before = 0
        self._decided = 0
        self._counted_s = self._began_s
        self._counting_s = 0.0
        self._last_sent: deque[UUID] = deque(maxlen=_LAST_ENVELOPES)
        self.sent = 0

    def run(self) -> Summary:
        """Send what is not yet created and wait until every row has an outcome.

        Raises:
            BatchDiffers: the batch's name is another file's.
            ChangedInput: the file changed meanwhile; what was sent of it by then has its outcomes.
            BrokerUnavailable: the broker was away from the start, or for ten minutes; what was sent goes on.
            DBAPIError: likewise the database.
            NothingDecided: what was sent again and again has no outcome.
        """
        done = self._begin()
        self._made_before = self._decided = len(done)
        try:
            self._send(done)
            self._wait()
        except ChangedInput as changed:
            self._keep_what_was_sent(min(len(done) + self.sent, self._batch.rows))
            raise ChangedInput(f"{changed}: {self._told()}") from None
        return self.summary()

    def summary(self) -> Summary:
        """The counts as they are now."""
        counts = self._counts()
        return Summary(
            batch_id=self._batch.id,
            rows=self._batch.rows,
            new=self._count_made() - self._made_before,
            seconds=round(time.monotonic() - self._began_s, 3),
            **counts,
        )

    def _keep_what_was_sent(self, rows_sent: int) -> None:
        """Leave a batch of the rows that were sent, once they have their outcomes: the others will never come."""
        self._batch = replace(self._batch, rows=rows_sent)
        self._outlast.run(self._keep_rows)
        with suppress(ChangedInput):  # what a broker lost cannot be sent again
            self._wait()
        self._batch = replace(self._batch, rows=sum(self._counts().values()))  # an earlier run may have sent more
        self._outlast.run(self._keep_rows)

    def _keep_rows(self) -> None:
        with self._engine.begin() as connection:
            keep_rows(connection, self._account_id, self._batch.id, self._batch.rows)

    def _told(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self._counts().items() if count)
        sent = min(self.sent, self._scanned.rows)  # some of them twice
        return (
            f"{sent} rows of what it was at first were sent, as batch {self._batch.id} ({counts or 'nothing'}). "
            "What it is now is another batch: rows without a uniqueness_key would be created once more"
        )

    def results(self) -> Iterator[RowOutcome]:
        """Every row with its outcome, in the file's order, with flat memory.

        Raises:
            ChangedInput: the file was changed after it was sent.
        """
        try:
            yield from self._results()
        except ChangedInput as changed:
            raise ChangedInput(f"{changed}: {self._told()}") from None

    def _results(self) -> Iterator[RowOutcome]:
        for chunk in _chunks(self._rows(), _OUTCOMES_AT_ONCE):
            ids = [row_id(self._batch.id, row.number) for row in chunk]
            outcomes = self._outlast.run(partial(self._read, ids))
            for row, request_id in zip(chunk, ids, strict=True):
                yield RowOutcome(row, request_id, outcomes.get(request_id))

    def _rows(self) -> Iterator[Row]:
        return rows(self._source, kind=self._batch.kind, scanned=self._scanned, lookups=self._lookups)

    def _read(self, ids: Collection[UUID]) -> dict[UUID, Outcome]:
        with self._engine.connect() as connection:
            return read_outcomes(connection, self._account_id, ids)

    def _begin(self) -> RowSet:
        """Count the batch in; returns the rows that made something already. What was refused by now is sent again."""
        with self._engine.begin() as connection:
            self._anew_before = read_instant(connection, self._account_id)
        with self._engine.begin() as connection:
            open_batch(connection, self._account_id, self._batch)
            self._lookups = lookups_of_batch(connection, self._account_id, self._batch.id, self._scanned.wanted)
            return _rows_of(created_ids(connection, self._account_id, self._batch.id))

    def _send(self, done: RowSet) -> None:
        self._last_sent.clear()
        for packed in pack(self._requests(done)):
            self._last_sent.append(UUID(packed.requests[0].id))
            send = partial(
                self._publisher.send,
                packed,
                queue=self._queue,
                batch_id=self._batch.id,
                anew_before=self._anew_before,
            )
            self._outlast.run(send) if self.sent else send()
            self.sent += len(packed.requests)
            self._progress(len(done) + self.sent, self._count_decided(at_most_every_s=self._count_every_s()))

    def _requests(self, done: RowSet) -> Iterator[QueuedRequest]:
        id_of, suffix = row_id_texts(self._batch.id), self._source.reading.key_suffix
        for row in self._rows():
            if not done or row.number not in done:
                request = row.request(id_of(row.number))
                yield request if suffix is None else with_suffix(request, suffix)

    def _wait(self) -> None:
        """Wait until all is decided; sends again what stays without an outcome while the queue is empty."""
        resend_after_s, moved_s = _RESEND_AFTER_S, time.monotonic()
        before, fruitless = -1, 0
        if self.sent:
            self._pause(0.0)
        while (decided := self._count_decided()) < self._batch.rows:
            self._progress(self._batch.rows, decided)
            idle_s = 0.0 if decided != before else time.monotonic() - moved_s
            if decided != before:
                before, moved_s = decided, time.monotonic()
                fruitless = 0
            elif idle_s > resend_after_s and self._backlog() == 0:
                fruitless += 1
                if fruitless > _FRUITLESS_MAX:
                    raise NothingDecided(_NOTHING_DECIDED)
                self._check()
                self._send(self._outlast.run(self._rows_decided))
                resend_after_s, moved_s = min(2 * resend_after_s, _RESEND_AFTER_S_MAX), time.monotonic()
            self._pause(idle_s)
        self._progress(self._batch.rows, decided)

    def _pause(self, idle_s: float) -> None:
        """Until it is worth counting again: there is no queue any more, and the last envelopes are decided.

        Args:
            idle_s: since when nothing was decided, 0 if something was: the longer, the longer the pause.
        """
        ends_s = time.monotonic() + min(_PAUSE_S_MAX, self._count_every_s())
        if idle_s:
            time.sleep(min(_POLL_S_MAX, max(_POLL_S_MIN, 2 * self._counting_s, idle_s / 4)))
        pause_s = _POLL_S_MIN
        while time.monotonic() < ends_s:
            if waiting := self._backlog():
                time.sleep(min(_POLL_S_MAX, max(_POLL_S_MIN, waiting * _POLL_S_PER_ENVELOPE)))
            elif len(self._outlast.run(partial(self._read, self._last_sent))) == len(self._last_sent):
                return
            else:
                time.sleep(pause_s)
                pause_s = min(_POLL_S_MAX, 1.25 * pause_s)

    def _count_every_s(self) -> float:
        return max(_COUNT_EVERY_S, self._counting_s / _COUNTING_SHARE)

    def _backlog(self) -> int:
        return self._outlast.run(partial(self._publisher.backlog, self._queue))

    def _count_decided(self, *, at_most_every_s: float = 0.0) -> int:
        if time.monotonic() - self._counted_s >= at_most_every_s:
            self._decided = self._outlast.run(self._count_since)
            self._counted_s = time.monotonic()
        return self._decided

    def _count_since(self) -> int:
        """Number of requests that this run knows to be decided; an outage is no part of the time that it takes."""
        began_s = time.monotonic()
        decided = sum(self._counts(anew_before=self._anew_before).values())
        self._counting_s = time.monotonic() - began_s
        return decided

    def _counts(self, *, anew_before: datetime | None = None) -> dict[Verdict, int]:
        with self._engine.connect() as connection:
            return count_outcomes(connection, self._account_id, self._batch.id, anew_before=anew_before)

    def _count_made(self) -> int:
        with self._engine.connect() as connection:
            return count_made(connection, self._account_id, self._batch.id)

    def _rows_decided(self) -> RowSet:
        with self._engine.connect() as connection:
            decided = _rows_of(created_ids(connection, self._account_id, self._batch.id))
            standing = standing_ids(connection, self._account_id, self._batch.id, anew_before=self._anew_before)
            for request_id in standing:
                decided.add(row_of(request_id))
        return decided


def _rows_of(ids: Iterable[UUID]) -> RowSet:
    numbers = RowSet()
    for request_id in ids:
        numbers.add(row_of(request_id))
    return numbers


def _chunks(items: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
