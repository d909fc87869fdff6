"""How things stand, asked of those who know."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from shared.producer.publish import BrokerUnavailable
from shared.store.overdue import oldest_due
from shared.wire.routes import ENVELOPE_QUEUES
from worker.gateway.gateway import Gateway
from worker.gateway.limits import HEALTH_SECONDS_MAX
from worker.gateway.refusals import Refusal

_QUEUES = (*ENVELOPE_QUEUES, "invoices")


async def is_ready(gateway: Gateway) -> dict[str, bool]:
    """What must hold so that calls can be taken."""
    database, backlogs = await asyncio.gather(_database_answers(gateway), _backlogs(gateway, _QUEUES[:1]))
    return {"running": not gateway.is_stopping, "database": database, "queue": backlogs is not None}


async def health_of(gateway: Gateway) -> dict[str, Any]:
    """Backlogs by queue, the seconds since the oldest obligation fell due, and what answers."""
    backlogs = await _backlogs(gateway, _QUEUES)
    try:
        waiting: timedelta | None = await gateway.probe.read(oldest_due)
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
        await gateway.probe.read(ask)
    except Refusal:
        return False
    return True


async def _backlogs(gateway: Gateway, queues: tuple[str, ...]) -> dict[str, int] | None:
    try:
        async with asyncio.timeout(HEALTH_SECONDS_MAX):
            return {queue: await gateway.backlog(queue) for queue in queues}
    except (BrokerUnavailable, TimeoutError):
        return None
