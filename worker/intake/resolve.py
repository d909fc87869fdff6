"""What an operator does with parked requests: replay them under the same ids, or discard them (spec 2.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection

from shared.limits import ENVELOPE_BYTES_MAX, ENVELOPE_REQUESTS_MAX
from shared.store.accepted import Kept, accept
from shared.store.audit import note as note_down
from shared.store.parking import DISCARDED, ParkedText, choose, mark
from shared.wire.routes import route_of_task

_REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which parked rows: by id, by reason, by batch; what is given must all hold.

    Attributes:
        ids: of parked rows; only these can also bring back what was discarded or replayed before.
    """

    ids: tuple[UUID, ...] = ()
    reason: str | None = None
    batch_id: UUID | None = None


def count_chosen(connection: Connection, account_id: int, choice: Choice) -> int:
    """How many rows a replay or a discard would change (the dry run)."""
    return len(_chosen(connection, account_id, choice))


def replay(connection: Connection, account_id: int, choice: Choice, *, lease_s: int, actor: str) -> int:
    """Puts parked requests back on their way, as they were received; a second replay finds nothing.

    Returns:
        How many parked rows were replayed.
    """
    rows = _chosen(connection, account_id, choice)
    accept(connection, account_id, _envelopes(rows), lease_s=lease_s, due_now=True)
    mark(connection, account_id, [row.id for row in rows], state=_REPLAYED, outcome_reason=_REPLAYED)
    _audit(connection, account_id, choice, actor=actor, action="replay_parked", rows=len(rows))
    return len(rows)


def discard(connection: Connection, account_id: int, choice: Choice, *, note: str, actor: str) -> int:
    """Gives parked requests up, for good: whatever comes under their ids later stays `parked`, unless it is replayed.

    Returns:
        How many parked rows were discarded.
    """
    rows = _chosen(connection, account_id, choice)
    mark(connection, account_id, [row.id for row in rows], state=DISCARDED, outcome_reason=DISCARDED, note=note)
    _audit(connection, account_id, choice, actor=actor, action="discard_parked", rows=len(rows))
    return len(rows)


def _chosen(connection: Connection, account_id: int, choice: Choice) -> list[ParkedText]:
    return choose(connection, account_id, ids=choice.ids, reason=choice.reason, batch_id=choice.batch_id)


def _envelopes(rows: list[ParkedText]) -> Iterator[Kept]:
    """Whole envelopes as they came; single requests in as few envelopes as their metas allow."""
    for row in rows:
        if row.request_id is None:
            yield Kept(row.meta, row.requests, route_of_task(row.task).bulk, 1)
    single = sorted((row for row in rows if row.request_id is not None), key=_origin)
    for (task, meta), alike in groupby(single, key=_origin):
        for entries in _packed(row.requests[1:-1] for row in alike):
            yield Kept(meta, f"[{','.join(entries)}]", route_of_task(task).bulk, len(entries))


def _origin(row: ParkedText) -> tuple[str, str]:
    return row.task, row.meta


def _packed(entries: Iterator[str]) -> Iterator[list[str]]:
    packed: list[str] = []
    size = 2
    for entry in entries:
        grown = size + len(entry.encode()) + 1
        if packed and (len(packed) == ENVELOPE_REQUESTS_MAX or grown > ENVELOPE_BYTES_MAX):
            yield packed
            packed, grown = [], 2 + len(entry.encode()) + 1
        packed.append(entry)
        size = grown
    if packed:
        yield packed


def _audit(connection: Connection, account_id: int, choice: Choice, *, actor: str, action: str, rows: int) -> None:
    given = {"ids": ", ".join(map(str, choice.ids)), "reason": choice.reason, "batch": choice.batch_id}
    subject = "; ".join(f"{name} {value}" for name, value in given.items() if value) or "all"
    note_down(connection, account_id, actor=actor, action=action, subject=subject, after={"rows": rows})
