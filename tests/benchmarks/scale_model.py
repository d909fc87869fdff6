"""Where the next wall is: `python -m tests.benchmarks.scale_model` measures what a commit costs here, and reckons on.

The model is one line: each resource holds so many commits a second as it has, divided by what one of them takes; the
least of them is the wall. It is checked first: what it says of this machine, beside what this machine did. Then it is
asked about fleets that nobody has here, of one, ten and a hundred hosts of workers before one primary, with few commits
stored and with 10⁹, and about primaries that share the accounts.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import psutil
from sqlalchemy import Connection, text

from tests.benchmarks.environment import Environment, data_folder, running_stack
from tests.benchmarks.requests_run import Slice, run_trueup
from tests.benchmarks.workload import Workload

_SEED = 20_261_129
_MICRO = 1e-6
_FEW, _MANY = 1_000_000, 1_000_000_000

# Of these indexes an insert touches any leaf, as keys, customers and names come in no order; others grow at their end.
_SCATTERED = (
    "commit_account_id_uniqueness_key_key",
    "commit_account_id_customer_id_id_idx",
    "commit_account_id_name_id_idx",
)
_HOT = ("commit", "segment", "obligation", "ledger_entry")
_WAL = text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
_TABLES = text("SELECT sum(pg_total_relation_size(name)) FROM unnest(CAST(:names AS regclass[])) AS name")
_INDEXES = text("SELECT sum(pg_relation_size(name)) FROM unnest(CAST(:names AS regclass[])) AS name")


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one commit, as measured.

    Attributes:
        worker_s: CPU of workers and producer.
        postgres_s: CPU of Postgres.
        broker_s: CPU of Valkey, which has one thread for all.
        wal_bytes: of log written.
        stored_bytes: of tables and indexes.
        scattered_bytes: of indexes of which any leaf may be touched.
    """

    worker_s: float
    postgres_s: float
    broker_s: float
    wal_bytes: float
    stored_bytes: float
    scattered_bytes: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines; those of the tables below are what a large installation rents in 2026.

    Attributes:
        hosts: of workers.
        primaries: which share the accounts, each with a broker of its own.
        memory_bytes: of a primary that holds pages.
        reads_per_s: of pages, by a primary's disk.
        wal_per_s: bytes that a primary's disk takes and its replicas follow.
    """

    hosts: int
    primaries: int = 1
    host_cores: int = 8
    primary_cores: int = 32
    memory_bytes: float = 192e9
    reads_per_s: float = 100_000
    wal_per_s: float = 500e6


def walls(costs: Costs, fleet: Fleet, *, stored: int) -> dict[str, float]:
    """Commits a second that each resource holds, while so many are stored."""
    scattered = costs.scattered_bytes * stored / fleet.primaries
    missed = max(0.0, 1 - fleet.memory_bytes / scattered) if scattered else 0.0
    reads = missed * len(_SCATTERED) * 2  # a page that is read in is written out again
    each = {
        "CPU of workers": fleet.hosts * fleet.host_cores / costs.worker_s,
        "CPU of the primary": fleet.primaries * fleet.primary_cores / costs.postgres_s,
        "thread of the broker": fleet.primaries / costs.broker_s,
        "log of the primary": fleet.primaries * fleet.wal_per_s / costs.wal_bytes,
    }
    return each | ({"pages of indexes": fleet.primaries * fleet.reads_per_s / reads} if reads else {})


def on_one_machine(costs: Costs, cores: int) -> float:
    """Commits a second of a machine on which everything runs."""
    return cores / (costs.worker_s + costs.postgres_s + costs.broker_s)


def main() -> None:
    """Measure, check, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale_model", description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000, help="of a slice")
    parser.add_argument("--slices", type=int, default=4)
    options = parser.parse_args()
    with data_folder() as folder, running_stack(folder) as environment:
        costs, slices = _measured(environment, requests=options.requests, slices=options.slices)
    sys.stdout.writelines(f"{line}\n" for line in _report(costs, slices))


def _measured(environment: Environment, *, requests: int, slices: int) -> tuple[Costs, Sequence[Slice]]:
    workload = Workload(_SEED)
    tenant = environment.tenant("model", workload.catalog())
    run_trueup(environment, tenant, list(workload.requests(requests)))  # plans, caches, pages
    with environment.owner.connect() as connection:
        before = _sizes(connection)
        done = [run_trueup(environment, tenant, list(workload.requests(requests))) for _ in range(slices)]
        wal, stored, scattered = (after - was for after, was in zip(_sizes(connection), before, strict=True))
    commits = sum(each.commits for each in done)

    def cpu(*kinds: str) -> float:
        return sum(each.cost.cpu_s.get(kind, 0.0) for each in done for kind in kinds) / commits

    costs = Costs(
        worker_s=cpu("workers", "producer", "scheduler"),
        postgres_s=cpu("postgres"),
        broker_s=cpu("valkey"),
        wal_bytes=wal / commits,
        stored_bytes=stored / commits,
        scattered_bytes=scattered / commits,
    )
    return costs, done


def _sizes(connection: Connection) -> tuple[float, float, float]:
    wal = float(connection.scalar(_WAL) or 0)
    stored = float(connection.scalar(_TABLES, {"names": list(_HOT)}) or 0)
    scattered = float(connection.scalar(_INDEXES, {"names": list(_SCATTERED)}) or 0)
    return wal, stored, scattered


def _report(costs: Costs, slices: Sequence[Slice]) -> Iterator[str]:
    cores = psutil.cpu_count() or 1
    said = on_one_machine(costs, cores)
    did = sum(each.commits for each in slices) / sum(each.cost.seconds for each in slices)
    yield (
        f"a commit takes {costs.worker_s / _MICRO:.0f} µs of workers, {costs.postgres_s / _MICRO:.0f} µs of Postgres, "
        f"{costs.broker_s / _MICRO:.1f} µs of the broker, {costs.wal_bytes:,.0f} bytes of log, "
        f"{costs.stored_bytes:,.0f} bytes stored, of these {costs.scattered_bytes:,.0f} in indexes without an order"
    )
    yield f"this machine, {cores} cores: {said:,.0f} commits/s reckoned, {did:,.0f} measured ({did / said:.2f})"
    yield ""
    yield "| hosts | primaries | stored | size of each | commits/s | wall | the next |"
    yield "| ---: | ---: | ---: | ---: | ---: | --- | --- |"
    for fleet, stored in _asked():
        (wall, holds), (following, more) = sorted(walls(costs, fleet, stored=stored).items(), key=lambda each: each[1])[
            :2
        ]
        size = costs.stored_bytes * stored / fleet.primaries
        yield (
            f"| {fleet.hosts} | {fleet.primaries} | {stored:,} | {size / 1e9:,.0f} GB | {holds:,.0f} | {wall} "
            f"| {following}: {more:,.0f} |"
        )


def _asked() -> Iterator[tuple[Fleet, int]]:
    for stored in (_FEW, _MANY):
        for hosts in (1, 10, 100):
            yield Fleet(hosts), stored
    for primaries in (4, 16):
        yield replace(Fleet(100), primaries=primaries), _MANY


if __name__ == "__main__":
    main()
