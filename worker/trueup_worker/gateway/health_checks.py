"""Health checks; whoever asks while one is going on gets the same answer."""

import asyncio
from datetime import timedelta

from sqlalchemy import Connection, text

from trueup.limits import WEBHOOK_FAILING_TOLD_S
from trueup.producer.publish import BrokerUnavailable
from trueup.store.events.relay import lag_s
from trueup.store.invoices.overdue import oldest_due
from trueup.store.webhooks.standing import Standing, standing
from trueup.wire.message.names import ENVELOPE_QUEUES, QUEUE_EVENTS, QUEUE_INVOICES
from trueup_worker.gateway.answers.health import Health, WebhooksHealth
from trueup_worker.gateway.database.single_flight import SingleFlight
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.limits import HEALTH_SECONDS_MAX
from trueup_worker.gateway.services import Gateway
from trueup_worker.startup.logging import log_output

_QUEUES = (*ENVELOPE_QUEUES, QUEUE_INVOICES, QUEUE_EVENTS)


class HealthChecks:
    """Health of a gateway process and what it depends on.

    Attributes:
        checks: what must hold so that calls can be taken.
        whole: that, and backlogs by queue, the seconds since the oldest obligation fell due, how far the
            feed of events is behind, numbers of webhooks, log lines lost here.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.checks = SingleFlight(lambda: _checks(gateway))
        self.whole = SingleFlight(lambda: _whole(gateway))


async def _checks(gateway: Gateway) -> dict[str, bool]:
    database, backlogs, workers = await asyncio.gather(
        _database_answers(gateway), _backlogs(gateway, _QUEUES[:1]), gateway.round_trip.is_open()
    )
    return _told(gateway, database=database, queue=backlogs is not None, workers=workers)


async def _whole(gateway: Gateway) -> Health:
    backlogs, workers = await asyncio.gather(_backlogs(gateway, _QUEUES), gateway.round_trip.is_open())
    try:
        waiting, behind_s, webhooks = await gateway.probe.read(_read_lags)
        answers = True
    except Refusal:
        waiting, behind_s, webhooks, answers = None, None, None, False
    checks = _told(gateway, database=answers, queue=backlogs is not None, workers=workers)
    return Health.of(
        checks,
        backlogs,
        oldest_due_s=None if waiting is None else waiting.total_seconds(),
        events_behind_s=behind_s,
        lost=log_output(gateway.settings.log_format).lost_lines,
        webhooks=None if webhooks is None else WebhooksHealth.from_record(webhooks),
    )


def _read_lags(connection: Connection) -> tuple[timedelta | None, float | None, Standing | None]:
    webhooks = standing(connection, failing_for=timedelta(seconds=WEBHOOK_FAILING_TOLD_S))
    return oldest_due(connection), lag_s(connection), webhooks


def _told(gateway: Gateway, **asked: bool) -> dict[str, bool]:
    return {"running": not gateway.is_stopping, **asked, "calls_answered": not gateway.is_stuck()}


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
