"""A deploy replaces gateways and workers one after the other, and no caller notices."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest
from sqlalchemy import Engine

from tests import bodies
from tests.acceptance.gateway import CREATE
from tests.acceptance.processes import Fleet, Process, fleet
from tests.integration.intake import Intake
from trueup_worker.local.servers.server import free_port

ROUNDS = 3
CALLS_PER_CONNECTION = (1, 5, 1000)


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Where gateways and workers run; the gateways share a port."""
    settings = {"TRUEUP_HTTP_PORT": str(free_port()), "TRUEUP_HTTP_SHARE_PORT": "true"}
    with fleet(database_url, redis_url, tmp_path, **settings) as running:
        yield running


@contextmanager
def calling(url: str, token: str) -> Iterator[list[str]]:
    """Callers who go on calling, on connections that are kept for shorter or longer; gives what went wrong."""
    over, errors = Event(), list[str]()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def go_on(calls: int) -> int:
        answered = 0
        while not over.is_set():
            with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
                for _ in range(calls):
                    if over.is_set():
                        break
                    try:
                        status = client.post(CREATE, content=bodies.text(bodies.prepaid())).status_code
                    except httpx.HTTPError as error:
                        errors.append(repr(error))
                    else:
                        answered += 1
                        errors.extend([] if status in (200, 202) else [str(status)])
        return answered

    with ThreadPoolExecutor(2 * len(CALLS_PER_CONNECTION)) as threads:
        running = [threads.submit(go_on, calls) for calls in CALLS_PER_CONNECTION * 2]
        try:
            yield errors
        finally:
            over.set()
    assert all(each.result() for each in running)


def test_gateways_and_workers_are_replaced_under_load(database: Engine, processes: Fleet) -> None:
    """Two gateways share a port, two workers a queue; each is replaced several times, and every call is answered."""

    def start_gateway() -> Process:
        return processes._start(["trueup_worker.gateway"], {})

    def start_worker() -> Process:
        return processes.worker("commits,commits.bulk")

    account = Intake(database)
    started = [(start, start()) for start in (start_gateway, start_worker) * 2]
    with calling(f"http://127.0.0.1:{processes.settings['TRUEUP_HTTP_PORT']}", account.token) as errors:
        for _ in range(ROUNDS):
            for place, (start, process) in enumerate(started):
                process.send_signal(signal.SIGTERM)
                assert process.wait() == 0
                started[place] = (start, start())
    assert errors == []
