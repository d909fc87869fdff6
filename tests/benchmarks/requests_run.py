"""One short slice of each of the ways to store the same requests."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.benchmarks.ceiling import insert_concurrently, statements_of
from tests.benchmarks.cpu import Cost, Meter
from tests.benchmarks.environment import Environment, Tenant, wait_until
from tests.benchmarks.naive import QUEUE, create_commit, send_to
from tests.benchmarks.workload import Request, write_lines
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.rows import scan
from trueup.producer.ingest import Ingest, name_batch
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import Kind

_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Slice:
    """What was done, and what it took. Of usage, its lines stand for commits."""

    requests: int
    commits: int
    cost: Cost

    @property
    def requests_per_s(self) -> float:
        """Requests decided per second of wall time."""
        return self.requests / self.cost.seconds

    @property
    def commits_per_s(self) -> float:
        """Commits stored per second of wall time."""
        return self.commits / self.cost.seconds


def run_naive(environment: Environment, tenant: Tenant, requests: Sequence[Request], *, queue: str = QUEUE) -> Slice:
    """Sends a task for each request and waits until the last commit is there; the queue says whose workers take it."""
    bodies = [orjson.loads(request.text) for request in requests]
    new = Counter(request.fate for request in requests)["created"]
    there = environment.count("commit", tenant.id)
    send_to(environment.state.broker)
    with Meter() as meter:
        for body in bodies:
            create_commit.apply_async((tenant.id, body), queue=queue)
        wait_until(lambda: environment.count("commit", tenant.id) - there == new, seconds_max=_SECONDS_MAX)
    return Slice(len(requests), new, meter.cost)


def run_trueup(
    environment: Environment, tenant: Tenant, requests: Sequence[Request], *, kind: Kind = "commit"
) -> Slice:
    """Ingests a file: from the start of its scan until it sees that every row's outcome is committed."""
    path = environment.scratch / "requests.jsonl"
    write_lines(path, requests)
    with Meter() as meter:
        counts = _ingest(environment, tenant, path, kind, all_decided=meter.stop)
    assert counts == Counter(request.fate for request in requests), counts
    return Slice(len(requests), counts["created"], meter.cost)


def _ingest(
    environment: Environment, tenant: Tenant, path: Path, kind: Kind, *, all_decided: Callable[[], None]
) -> Counter[str]:
    signer = Signer.of_token(tenant.token)
    with (
        open_source(path) as source,
        Publisher(environment.state.broker, account=tenant.name, signer=signer) as publisher,
    ):
        scanned = scan(source, kind=kind)

        def progress(_: int, decided: int) -> None:
            if decided == scanned.rows:
                all_decided()

        summary = Ingest(
            source=source,
            scanned=scanned,
            batch=name_batch(source, scanned, account=tenant.name, kind=kind, name=None, new=False),
            account_id=tenant.id,
            engine=environment.engine,
            publisher=publisher,
            progress=progress,
        ).run()
    return Counter(created=summary.created, duplicate=summary.duplicate, invalid=summary.invalid)


def run_ceiling(environment: Environment, tenant: Tenant, requests: Sequence[Request]) -> Slice:
    """Inserts the rows that these requests become, prepared before the clock starts."""
    statements = statements_of(tenant.id, requests)
    there = environment.count("commit", tenant.id)
    with Meter() as meter:
        insert_concurrently(environment.state.database, statements)
    made = environment.count("commit", tenant.id) - there
    assert made == Counter(request.fate for request in requests)["created"], made
    return Slice(len(requests), made, meter.cost)
