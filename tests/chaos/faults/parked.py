"""A mountain of what was parked, replayed by an operator who is not sure whether the first replay worked."""

from random import Random
from typing import Any

from sqlalchemy import insert

from tests.chaos.faults.fault import Fault
from tests.chaos.load import ACCOUNTS, Planned
from tests.chaos.world import World
from trueup.clock import utc_now
from trueup.store.requests.commit_inserts import store_outcomes
from trueup.store.requests.parked_total import add
from trueup.store.requests.parking import Choice
from trueup.store.tables import parked as parked_table
from trueup.wire.message.names import TASK_CREATE
from trueup.wire.message.packing import write_meta, write_requests
from trueup_worker.intake.decision import parked
from trueup_worker.intake.parked.resolve import replay

_REASON = "transient"
_ROWS_AT_ONCE = 5_000


def replay_twice(world: World, rng: Random) -> str:
    """Everything that is parked is replayed twice; the second time there is nothing left to replay."""
    counts = []
    for name in ACCOUNTS:
        rows = world.scale.parked // len(ACCOUNTS)
        planned = world.book.draw(rng, name, rows)
        for first in range(0, rows, _ROWS_AT_ONCE):
            _park(world, name, planned[first : first + _ROWS_AT_ONCE])
        counts.append([_replay(world, name) for _ in range(2)])
        assert counts[-1] == [rows, 0], f"of {rows} parked rows {counts[-1]} were replayed"
    return f"{sum(first for first, _ in counts)} rows"


def _replay(world: World, name: str) -> int:
    with world.engine.begin() as connection:
        account_id = world.accounts[name].account_id
        return replay(connection, account_id, Choice(), lease_s=world.lineup.lease_s, actor="chaos")


def _park(world: World, name: str, planned: list[Planned]) -> None:
    """As a worker leaves them that could not decide: rows with their bytes, and an outcome that says so."""
    meta = write_meta(name, sent_at=utc_now())
    requests = [each.queued() for each in planned]
    account_id = world.accounts[name].account_id
    rows: list[dict[str, Any]] = [
        {
            "account_id": account_id,
            "reason": _REASON,
            "detail": "the database was away",
            "request_id": each.id,
            "task": TASK_CREATE,
            "meta": meta.encode(),
            "requests": write_requests([each]).encode(),
            "digest": each.id.encode(),
            "attempts": 5,
        }
        for each in requests
    ]
    decisions = [parked(each, _REASON).row() for each in requests]
    with world.engine.begin() as connection:
        connection.execute(insert(parked_table), rows)
        add(connection, account_id, size_bytes=sum(len(row["meta"]) + len(row["requests"]) for row in rows))
        store_outcomes(connection, account_id, decisions, batch_id=None, attempt=5)


KINDS: tuple[Fault, ...] = (replay_twice,)
