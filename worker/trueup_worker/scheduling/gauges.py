"""Gauges of what all accounts share: read by the scheduler alone, when Prometheus asks, and not too often."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from threading import Lock

import structlog
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from sqlalchemy import Connection, Engine

from trueup.broker.broker import open_broker
from trueup.clock import utc_now
from trueup.limits import WEBHOOK_FAILING_TOLD_S
from trueup.settings import Settings
from trueup.store.events.relay import lag_s
from trueup.store.invoices.overdue import count_held, oldest_due
from trueup.store.postgres.engine import make_engine, snapshot
from trueup.store.postgres.errors import primary_message
from trueup.store.requests.kept_envelopes import waiting
from trueup.store.requests.parking import count_by_reason
from trueup.store.webhooks.standing import standing
from trueup_worker.celery.age import sent_at
from trueup_worker.observability import metrics
from trueup_worker.observability.labels import OTHER

_FRESH_S = 5.0  # answers to whoever asks again so soon are those of before
_STATEMENT_S = 5  # above: a gauge is left out, as one that is late tells nothing

Samples = list[Metric]
Read = Callable[[Connection], Samples]

log = structlog.get_logger()


def observe_all_accounts(settings: Settings) -> None:
    """Tell, with this process' metrics, what database and broker hold; to be called once, after any fork."""
    if settings.metrics_port is not None:
        REGISTRY.register(Gauges(settings))


class Gauges:
    """A collector that asks database and broker, on connections of its own."""

    def __init__(self, settings: Settings) -> None:
        self._engine: Engine = make_engine(
            str(settings.database_url),
            statement_timeout_s=_STATEMENT_S,
            pool_size=1,
            pooler=settings.database_pooler,
        )
        self._broker = open_broker(settings.broker_url)
        self._lock, self._known, self._known_until_s = Lock(), Samples(), 0.0

    def describe(self) -> Samples:
        """Nothing: what is registered need not be read for its names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges; one that cannot be read is left out."""
        with self._lock:
            if time.monotonic() >= self._known_until_s:
                self._known = [*self._of_database(), *self._of_broker()]
                self._known_until_s = time.monotonic() + _FRESH_S
            yield from self._known

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        self._broker.close()

    def _of_database(self) -> Samples:
        found, is_up = Samples(), False
        for read in _READS:
            try:
                with snapshot(self._engine) as connection:
                    is_up = True
                    found += read(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others may be read
                log.warning(
                    "gauge not read", action="gauge_not_read", gauge=read.__name__, error=primary_message(error)
                )
                if not is_up:
                    break
        return [*found, _gauge("trueup_database_up", "1 where Postgres answers the scheduler.", float(is_up))]

    def _of_broker(self) -> Samples:
        lengths, ages, is_up = {}, {}, True
        for queue in metrics.ALL_QUEUES:
            try:
                lengths[queue] = float(self._broker.count(queue))
                if (element := self._broker.oldest(queue)) is not None and (sent := sent_at(element, queue=queue)):
                    ages[queue] = max(0.0, (utc_now() - sent).total_seconds())
            except Exception as error:  # noqa: BLE001 - whatever it is, the broker does not tell
                log.warning("queue not counted", action="queue_not_counted", error=str(error)[:300])
                is_up = False
                break
        return [
            _by("trueup_queue_messages", "Messages that wait on each queue.", "queue", lengths),
            _by("trueup_queue_oldest_seconds", "Seconds since the oldest envelope on a queue was sent.", "queue", ages),
            _gauge("trueup_broker_up", "1 where the broker answers the scheduler.", float(is_up)),
        ]


def _read_kept(connection: Connection) -> Samples:
    count, seconds = waiting(connection)
    return [
        _gauge("trueup_kept_envelopes", "Kept envelopes without outcomes.", count),
        _gauge(
            "trueup_kept_oldest_seconds", "Seconds since the oldest of them was accepted; 0: there is none.", seconds
        ),
    ]


def _read_due(connection: Connection) -> Samples:
    age = oldest_due(connection) or timedelta()
    return [_gauge("trueup_oldest_due_seconds", "Seconds since the oldest obligation fell due.", age.total_seconds())]


def _read_held(connection: Connection) -> Samples:
    return [_gauge("trueup_held_obligations", "True-ups that are held for an operator.", count_held(connection))]


def _read_parked(connection: Connection) -> Samples:
    counts = dict.fromkeys((*metrics.PARKED_REASONS, OTHER), 0.0)
    for reason, count in count_by_reason(connection).items():
        counts[reason if reason in counts else OTHER] += count
    return [_by("trueup_parked", "Parked messages and requests that nobody has resolved.", "reason", counts)]


def _read_feed(connection: Connection) -> Samples:
    told = "Seconds for which the oldest event has waited for its place in the feed."
    return [_gauge("trueup_events_behind_seconds", told, lag_s(connection))]


def _read_webhooks(connection: Connection) -> Samples:
    found = standing(connection, failing_for=timedelta(seconds=WEBHOOK_FAILING_TOLD_S))
    counts = {"enabled": found.enabled, "switched_off": found.switched_off, "failing": found.failing}
    return [
        _by("trueup_webhooks", "Webhooks; failing are enabled ones that take nothing.", "state", counts),
        _gauge("trueup_webhook_events_behind", "Events that enabled webhooks have not come to.", found.events_behind),
        _gauge("trueup_webhook_overdue_seconds", "Seconds for which deliveries wait untried.", found.overdue_seconds),
    ]


_READS: tuple[Read, ...] = (_read_kept, _read_due, _read_held, _read_parked, _read_feed, _read_webhooks)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _by(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
