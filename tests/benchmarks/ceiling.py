"""The ceiling: Trueup's rows by Trueup's statement, prepared beforehand, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Engine

from tests.benchmarks.environment import WORKERS
from tests.benchmarks.workload import Request
from trueup.ids import new_id
from trueup.limits import ENVELOPE_REQUESTS_MAX
from trueup.store.postgres.engine import make_engine
from trueup.store.requests import commit_inserts as intake
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.intake.bodies import read_bodies
from trueup_worker.intake.commits.rows import commit_rows, obligation_rows, segment_rows

Parameters = Mapping[str, Any]


def statements_of(account_id: int, requests: Sequence[Request]) -> list[Parameters]:
    """The statement's parameters for each envelope of these requests: only what becomes a commit."""
    return [
        _parameters(account_id, [request for request in envelope if request.fate == "created"])
        for envelope in _envelopes(requests)
    ]


def _envelopes(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    for at in range(0, len(requests), ENVELOPE_REQUESTS_MAX):
        yield requests[at : at + ENVELOPE_REQUESTS_MAX]


def _parameters(account_id: int, requests: Sequence[Request]) -> Parameters:
    queued = [QueuedRequest(str(new_id()), "commit", None, request.text) for request in requests]
    candidates = sorted(read_bodies(queued).candidates, key=lambda candidate: candidate.key or "")
    return intake.parameters_of_new(
        account_id,
        commits=commit_rows(candidates),
        segments=segment_rows(candidates),
        obligations=obligation_rows(candidates, usage_grace_h=24),
        fingerprint_version=FINGERPRINT_VERSION,
        batch_id=new_id(),
        attempt=1,
    )


def insert_concurrently(database_url: str, statements: Sequence[Parameters]) -> None:
    """Runs the statements, a transaction each, over as many connections as there are workers."""
    waiting: SimpleQueue[Parameters] = SimpleQueue()
    for statement in statements:
        waiting.put(statement)
    engine = make_engine(database_url, pool_size=WORKERS)
    with ThreadPoolExecutor(WORKERS) as threads:
        for done in [threads.submit(_insert, engine, waiting) for _ in range(WORKERS)]:
            done.result()
    engine.dispose()


def _insert(engine: Engine, waiting: SimpleQueue[Parameters]) -> None:
    while True:
        try:
            parameters = waiting.get_nowait()
        except Empty:
            return
        with engine.begin() as connection:
            intake._INSERT_NEW.run(connection, parameters)
