"""How things stand, asked of those who know."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from shared.producer.publish import BrokerUnavailable
from shared.store.overdue import oldest_due
from shared.wire.routes import ENVELOPE_QUEUES
from worker.gateway.gateway import Gateway
from worker.gateway.refusals import Refusal

_QUEUES = (*ENVELOPE_QUEUES, "invoices")


async def is_ready(gateway: Gateway) -> dict[str, bool]:
    """What must hold so that calls can be taken."""
    return {
        "running": not gateway.is_stopping,
        "database": await _database_answers(gateway),
        "queue": await _backlogs(gateway, _QUEUES[:1]) is not None,
    }


async def health_of(gateway: Gateway) -> dict[str, Any]:
    """Backlogs by queue, the seconds since the oldest obligation fell due, and what answers."""
    backlogs = await _backlogs(gateway, _QUEUES)
    try:
        waiting: timedelta | None = await gateway.read(oldest_due)
        answers = True
    except Refusal:
        waiting, answers = None, False
    ok = answers and backlogs is not None and not gateway.is_stopping
    return {
        "status": "ok" if ok else "unavailable",
        "checks": {"running": not gateway.is_stopping, "database": answers, "queue": backlogs is not None},
        "backlog": backlogs,
        "oldest_due_obligation_seconds": None if waiting is None else round(waiting.total_seconds(), 3),
    }


async def _database_answers(gateway: Gateway) -> bool:
    def ask(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))

    try:
        await gateway.read(ask)
    except Refusal:
        return False
    return True


async def _backlogs(gateway: Gateway, queues: tuple[str, ...]) -> dict[str, int] | None:
    try:
        return {queue: await gateway.backlog(queue) for queue in queues}
    except BrokerUnavailable:
        return None
