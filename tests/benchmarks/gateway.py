"""Creates over HTTP: the gateway, and a bare route that inserts by itself, in turn, under the same calls.

Closed loop, with 1, 8 and 64 connections. Each is one server process; behind the gateway are the queue and the workers.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from urllib.parse import urlsplit

from tests.benchmarks.bare_route import PATH
from tests.benchmarks.environment import ROOT, Environment, Tenant, wait_until
from tests.benchmarks.http_load import Calls, Load, run_load
from tests.benchmarks.workload import Workload

CONNECTIONS = (1, 8, 64)
KINDS = ("gateway", "bare route", "workers", "postgres", "valkey", "producer")  # whose CPU is told
_BODIES = 2_000
_WARM_UP_SECONDS = 0.5
_START_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class GatewayRound:
    """A slice of each way under as many connections."""

    gateway: Load
    bare: Load


@dataclass(frozen=True, slots=True)
class GatewayRun:
    """What was measured, by the number of connections."""

    rounds: dict[int, Sequence[GatewayRound]]

    def rate(self, connections: int) -> float:
        """How many times as many creates a second the gateway takes."""
        return median(each.gateway.creates_per_s / each.bare.creates_per_s for each in self.rounds[connections])

    def p50(self, connections: int) -> float:
        """How many times as long a create takes through the gateway."""
        return median(each.gateway.p50_ms / each.bare.p50_ms for each in self.rounds[connections])

    def rows(self) -> list[tuple[str, ...]]:
        """For the report: way, connections, creates, creates/s, p50 and p99 in ms, CPU µs by kind, and in all."""
        return [
            row
            for connections, rounds in self.rounds.items()
            for row in (
                _row("gateway", connections, [each.gateway for each in rounds]),
                _row("bare route", connections, [each.bare for each in rounds]),
            )
        ]

    def pace(self) -> str:
        """The ratios round by round."""
        return "; ".join(
            f"{connections}: "
            + ", ".join(f"{each.gateway.creates_per_s / each.bare.creates_per_s:.2f}" for each in rounds)
            for connections, rounds in self.rounds.items()
        )


def _row(way: str, connections: int, loads: Sequence[Load]) -> tuple[str, ...]:
    taken_ms = [each for load in loads for each in load.taken_ms]
    cuts = quantiles(taken_ms, n=100)
    rate = median(load.creates_per_s for load in loads)
    spent_us = [1e6 * sum(load.cost.cpu_s.get(kind, 0.0) for load in loads) / len(taken_ms) for kind in KINDS]
    return (
        way,
        str(connections),
        f"{len(taken_ms):,}",
        f"{rate:,.0f}",
        f"{cuts[49]:.1f}",
        f"{cuts[98]:.1f}",
        *(f"{each:,.0f}" for each in (*spent_us, sum(spent_us))),
    )


def measure_gateway(environment: Environment, workload: Workload, *, rounds: int, seconds: float) -> GatewayRun:
    """Runs slices of so many seconds of both ways in turn; who goes first changes from round to round."""
    catalog = workload.catalog()
    trueup, bare = environment.tenant("gateway", catalog), environment.tenant("bare route", catalog)
    bodies = [each for each in workload.requests(_BODIES) if each.fate == "created"]
    measured: dict[int, list[GatewayRound]] = {connections: [] for connections in CONNECTIONS}
    with _bare_route(environment, bare) as bare_port:
        ways = {
            "gateway": (_port_of(environment), Calls(bodies, path=PATH, token=trueup.token)),
            "bare": (bare_port, Calls(bodies, path=PATH, token=bare.token)),
        }
        for port, calls in ways.values():
            run_load(port, calls, connections=max(CONNECTIONS), seconds=_WARM_UP_SECONDS)
        for number in range(rounds):
            turns = list(ways.items())[:: -1 if number % 2 else 1]
            for connections, done in measured.items():
                loads = {
                    name: run_load(port, calls, connections=connections, seconds=seconds)
                    for name, (port, calls) in turns
                }
                done.append(GatewayRound(**loads))
    return GatewayRun({connections: tuple(done) for connections, done in measured.items()})


def _port_of(environment: Environment) -> int:
    port = urlsplit(environment.state.http or "").port
    assert port is not None
    return port


@contextmanager
def _bare_route(environment: Environment, tenant: Tenant) -> Iterator[int]:
    """Serves the bare route, and stops it at the end; its port."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bare_route", str(port), str(tenant.id)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TRUEUP_DATABASE_URL": environment.state.database},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None, seconds_max=_START_SECONDS_MAX)
        yield port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
