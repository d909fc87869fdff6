"""Replay and discard: what an operator does with parked requests."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from sqlalchemy import Connection

from trueup.limits import ENVELOPE_BYTES_MAX, ENVELOPE_REQUESTS_MAX
from trueup.store.accounts.audit import note as note_down
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.store.requests.parking import DISCARDED, Choice, ParkedText, choose, mark
from trueup.wire.message.packing import span_of
from trueup.wire.message.queues import route_of_task
from trueup.wire.outcome import REPLAYED


def replay(connection: Connection, account_id: int, choice: Choice, *, lease_s: int, actor: str) -> int:
    """Put parked requests back on their way, as they were received; a second replay finds nothing.

    What is kept by its beginning alone stays parked: its sender has to send it again.

    Returns:
        How many parked rows were replayed.
    """
    replayed = 0
    for rows in choose(connection, account_id, replace(choice, whole=True)):
        accept(connection, account_id, _envelopes(rows), lease_s=lease_s, due_now=True)
        mark(connection, account_id, [row.id for row in rows], state=REPLAYED, outcome_reason=REPLAYED)
        replayed += len(rows)
    _audit(connection, account_id, choice, actor=actor, action="replay_parked", rows=replayed)
    return replayed


def discard(connection: Connection, account_id: int, choice: Choice, *, note: str, actor: str) -> int:
    """Give parked requests up, for good: whatever comes under their ids later stays `parked`, unless it is replayed.

    Returns:
        How many parked rows were discarded.
    """
    discarded = 0
    for rows in choose(connection, account_id, choice):
        mark(connection, account_id, [row.id for row in rows], state=DISCARDED, outcome_reason=DISCARDED, note=note)
        discarded += len(rows)
    _audit(connection, account_id, choice, actor=actor, action="discard_parked", rows=discarded)
    return discarded


def _envelopes(rows: list[ParkedText]) -> Iterator[Kept]:
    """Whole envelopes as they came; single requests in as few envelopes as their metas allow."""
    for row in rows:
        if row.request_id is None:
            yield Kept(row.meta, row.requests, route_of_task(row.task).bulk, 1)
    single = sorted((row for row in rows if row.request_id is not None), key=_origin)
    for (task, meta), alike in groupby(single, key=_origin):
        for packed in _packed(alike):
            entries = ",".join(row.requests[1:-1] for row in packed)
            span = span_of(str(row.request_id) for row in packed)
            yield Kept(meta, f"[{entries}]", route_of_task(task).bulk, len(packed), span)


def _origin(row: ParkedText) -> tuple[str, str]:
    return row.task, row.meta


def _packed(rows: Iterable[ParkedText]) -> Iterator[list[ParkedText]]:
    packed: list[ParkedText] = []
    size = 1
    for row in rows:
        entry_bytes = len(row.requests.encode()) - 1  # its brackets go, a comma or the closing bracket comes
        if packed and (len(packed) == ENVELOPE_REQUESTS_MAX or size + entry_bytes > ENVELOPE_BYTES_MAX):
            yield packed
            packed, size = [], 1
        packed.append(row)
        size += entry_bytes
    if packed:
        yield packed


def _audit(connection: Connection, account_id: int, choice: Choice, *, actor: str, action: str, rows: int) -> None:
    given = {"ids": ", ".join(map(str, choice.ids)), "reason": choice.reason, "batch": choice.batch_id}
    subject = "; ".join(f"{name} {value}" for name, value in given.items() if value) or "all"
    note_down(connection, account_id, actor=actor, action=action, subject=subject, after={"rows": rows})
