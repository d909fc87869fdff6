"""Events on their way out: how many an endpoint is sent, and what intake pays for the feed and for them.

Deliveries: the events are in the feed, an endpoint is switched on, and all of them go to a receiver on this host.
Intake: slices of the same kind of file in turn, while nobody looks for events (scheduler and sender stand still), with
the feed but no endpoint, and with an endpoint that is sent each commit.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Literal

from sqlalchemy import TextClause, text

from tests.benchmarks.cpu import Cost, Meter, processes
from tests.benchmarks.environment import ROOT, Environment, Tenant, wait_until
from tests.benchmarks.requests_run import Slice, run_trueup
from tests.benchmarks.workload import Request, Workload
from trueup.store.webhooks.endpoints import change_endpoint, create_endpoint
from trueup.store.webhooks.expansion import Which
from trueup.wire.events import EventType
from trueup_worker.webhooks.signature import new_secret

KINDS = ("deliveries", "postgres", "scheduler", "receiver")  # whose CPU is told
INTAKE_KINDS = ("producer", "workers", "postgres", "valkey", "scheduler", "deliveries")
_SECONDS_MAX = 300.0
_LOOKING = ("scheduler", "deliveries")

Way = Literal["still", "feed", "endpoint"]
WAYS: tuple[Way, ...] = ("still", "feed", "endpoint")

_IS_BUSY = text("""
    SELECT EXISTS (SELECT FROM webhook_endpoint AS e JOIN feed AS f ON f.account_id = e.account_id
                    WHERE e.account_id = :account_id AND e.position < f.last_position)
        OR EXISTS (SELECT FROM webhook_delivery WHERE account_id = :account_id AND state = 'waiting')
        OR EXISTS (SELECT FROM outbox WHERE last_position IS NULL)
""")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """So many events that were taken, and what it took."""

    deliveries: int
    cost: Cost

    @property
    def per_s(self) -> float:
        """Deliveries per second of wall time."""
        return self.deliveries / self.cost.seconds

    def cpu_us(self, kind: str) -> float:
        """CPU per delivery of one kind of process."""
        return 1e6 * self.cost.cpu_s.get(kind, 0.0) / self.deliveries


@dataclass(frozen=True, slots=True)
class EventsRun:
    """What was measured: slices of deliveries, and rounds of intake by way."""

    deliveries: Sequence[Deliveries]
    intake: Sequence[dict[Way, Slice]]

    def intake_cost(self, way: Way, *, kinds: Sequence[str] = INTAKE_KINDS) -> float:
        """CPU in µs per commit, of these kinds of process."""
        return median(
            1e6 * sum(each[way].cost.cpu_s.get(kind, 0.0) for kind in kinds) / each[way].commits for each in self.intake
        )

    def intake_rate(self, way: Way) -> float:
        """Commits per second, as a share of what there are while nobody looks for events."""
        return median(each[way].commits_per_s / each["still"].commits_per_s for each in self.intake)

    def told(self) -> str:
        """The report, as text."""
        lines = [
            f"deliveries/s {each.per_s:,.0f}; CPU µs each: "
            + ", ".join(f"{kind} {each.cpu_us(kind):,.0f}" for kind in KINDS)
            for each in self.deliveries
        ]
        lines += [
            f"intake, {way}: {self.intake_rate(way):.3f} of the rate; CPU µs per commit: "
            + ", ".join(f"{kind} {self.intake_cost(way, kinds=(kind,)):,.1f}" for kind in INTAKE_KINDS)
            + f", all {self.intake_cost(way):,.1f}"
            for way in WAYS
            if self.intake
        ]
        return "\n".join(lines)


def measure_events(
    environment: Environment, workload: Workload, *, deliveries: int, slices: int, rows: int, rounds: int
) -> EventsRun:
    """Run slices of deliveries, then rounds of intake.

    Args:
        environment: the stack.
        workload: draws requests.
        deliveries: requests whose events are sent in each slice.
        slices: of deliveries.
        rows: requests in each slice of intake.
        rounds: of intake.
    """
    with receiving() as port:
        sent = [_deliver(environment, workload, port, deliveries) for _ in range(slices)]
        return EventsRun(sent, _intake_rounds(environment, workload, port, rows=rows, rounds=rounds) if rounds else [])


def _deliver(environment: Environment, workload: Workload, port: int, requests: int) -> Deliveries:
    tenant = environment.tenant(f"sent {os.urandom(3).hex()}", workload.catalog())
    endpoint = make_endpoint(environment, tenant, port, enabled=False)
    made = run_trueup(environment, tenant, list(workload.requests(requests))).commits
    wait_placed(environment)
    with Meter() as meter:
        with environment.engine.begin() as connection:
            change_endpoint(connection, endpoint.account_id, endpoint.id, enabled=True)
        _wait_sent(environment, tenant)
    assert _delivered(environment, endpoint) == made
    return Deliveries(made, meter.cost)


def _intake_rounds(
    environment: Environment, workload: Workload, port: int, *, rows: int, rounds: int
) -> list[dict[Way, Slice]]:
    catalog = workload.catalog()
    tenants = {way: environment.tenant(f"intake {way}", catalog) for way in WAYS}
    make_endpoint(environment, tenants["endpoint"], port, enabled=True)
    for each in tenants.values():
        run_trueup(environment, each, list(workload.requests(2_000)))
    measured = []
    for number in range(rounds):
        requests = list(workload.requests(rows))
        turns = [*WAYS[number % 3 :], *WAYS[: number % 3]]
        measured.append({way: _slice(environment, tenants[way], requests, way) for way in turns})
        _say(number, measured[-1])
    return measured


def _slice(environment: Environment, tenant: Tenant, requests: Sequence[Request], way: Way) -> Slice:
    _wait_sent(environment, tenant)
    if way == "still":
        with _stopped(_LOOKING):
            done = run_trueup(environment, tenant, requests)
        wait_placed(environment)
        return done
    done = run_trueup(environment, tenant, requests)
    _wait_sent(environment, tenant)
    return done


def _say(number: int, measured: dict[Way, Slice]) -> None:
    told = ", ".join(f"{way} {each.commits_per_s:,.0f}/s" for way, each in measured.items())
    sys.stderr.write(f"round {number + 1}: {told}\n")


@contextmanager
def _stopped(kinds: Sequence[str]) -> Iterator[None]:
    stopped = [process for kind, process in processes() if kind in kinds]
    for each in stopped:
        each.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for each in stopped:
            each.send_signal(signal.SIGCONT)


def make_endpoint(
    environment: Environment,
    tenant: Tenant,
    port: int,
    *,
    enabled: bool,
    types: Sequence[EventType] = ("commit.created",),
) -> Which:
    """Makes an endpoint at a port of this host."""
    with environment.engine.begin() as connection:
        made = create_endpoint(
            connection,
            tenant.id,
            url=f"http://127.0.0.1:{port}/webhooks",
            types=types,
            secret=new_secret(),
            secret_key=environment.secret_key,
        )
        change_endpoint(connection, tenant.id, made.id, enabled=enabled)
    return Which(tenant.id, made.id)


def wait_placed(environment: Environment, *, seconds_max: float = _SECONDS_MAX) -> None:
    """Wait until every event has its place in the feed."""
    query = text("SELECT NOT EXISTS (SELECT FROM outbox WHERE last_position IS NULL)")
    _wait(environment, query, {}, seconds_max=seconds_max)


def _wait_sent(environment: Environment, tenant: Tenant) -> None:
    query = text(f"SELECT NOT ({_IS_BUSY})")
    _wait(environment, query, {"account_id": tenant.id})


def _wait(
    environment: Environment, query: TextClause, given: dict[str, int], *, seconds_max: float = _SECONDS_MAX
) -> None:
    def holds() -> bool:
        with environment.engine.connect() as connection:
            return bool(connection.scalar(query, given))

    wait_until(holds, seconds_max=seconds_max, interval_s=0.1)


def _delivered(environment: Environment, endpoint: Which) -> int:
    query = text("SELECT count(*) FROM webhook_delivery WHERE endpoint_id = :id AND state = 'delivered'")
    with environment.engine.connect() as connection:
        return int(connection.execute(query, {"id": endpoint.id}).scalar_one())


@contextmanager
def receiving() -> Iterator[int]:
    """Runs a receiver, and stops it at the end; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.receiver"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
