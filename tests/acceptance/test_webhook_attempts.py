"""Attempts of which Trueup does not learn what came of them: by a worker's death, or as an answer is late."""

import json
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from standardwebhooks import Webhook

from tests.acceptance.processes import Fleet, Process, fleet, wait_for
from tests.chaos.lineup import WEBHOOK_LEASE_S, WEBHOOK_SECONDS_MAX
from tests.integration.test_webhooks import SECRET, endpoint, happen
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.webhooks.deliveries import Delivery, list_deliveries, show_delivery

Doing = Callable[["Handler"], None]


@dataclass(frozen=True)
class Arrived:
    """A delivery as it came, verified; `at` in seconds."""

    id: str
    body: bytes
    event: dict[str, Any]
    at: float


@dataclass
class Application:
    """A receiver, and what it does before it answers 200: something else each time, at last nothing."""

    port: int = 0
    does: list[Doing] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)

    def ids(self) -> list[str]:
        """Of what came, in that order."""
        return [each.id for each in self.arrived]


class Handler(BaseHTTPRequestHandler):
    """Keeps what comes."""

    application: Application

    def do_POST(self) -> None:
        """Keep it, do what is to be done, answer."""
        body, here = self.rfile.read(int(self.headers["content-length"])), self.application
        event = Webhook(SECRET).verify(body, dict(self.headers.items()))
        here.arrived.append(Arrived(self.headers["webhook-id"], body, event, time.monotonic()))
        if here.does:
            here.does.pop(0)(self)
        with suppress(OSError):
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def application() -> Iterator[Application]:
    """One that receives meanwhile."""
    here = Application()
    handler = type("Handler", (Handler,), {"application": here})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        here.port = server.server_port
        Thread(target=server.serve_forever, daemon=True).start()
        yield here
        server.shutdown()


@pytest.fixture
def account(database: Engine) -> int:
    """An account of this database."""
    with database.begin() as connection:
        return create_account(connection, "acme", now=utc_now()).id


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """A scheduler; workers are the test's."""
    more = {"TRUEUP_WEBHOOK_LOOPBACK": "true", "TRUEUP_WEBHOOK_RETRIES": "1s,1s,1s"}
    with fleet(database_url, redis_url, tmp_path, **more) as running:
        running.scheduler()
        yield running


def sender(processes: Fleet) -> Process:
    """A worker with a short lease and a short time-out."""
    return processes.worker("events", app="tests.chaos.hasty_webhooks")


def deliveries_of(on: Engine, account: int, webhook: UUID) -> list[Delivery]:
    """All of a webhook's, with their logs."""
    with on.begin() as connection:
        found = list_deliveries(connection, account, webhook, limit=9)
        return [show_delivery(connection, account, webhook, each.id) for each in found]


def wait_until_delivered(on: Engine, account: int, webhook: UUID, *, count: int) -> dict[str, Delivery]:
    """All of a webhook's, by their ids."""

    def delivered() -> list[Delivery]:
        found = deliveries_of(on, account, webhook)
        return found if [each.state for each in found] == ["delivered"] * count else []

    return {str(each.id): each for each in wait_for(delivered, what="all to be delivered")}


@pytest.mark.slow
def test_a_worker_is_killed_in_the_middle_of_a_delivery(processes: Fleet, database: Engine, account: int) -> None:
    """What the receiver has, and nobody noted, comes again under its id after the lease; the others come too."""
    with application() as here:
        made = endpoint(database, account, here.port)
        happen(database, account)
        doomed = sender(processes)
        wait_until_delivered(database, account, made.id, count=1)

        def kill(_: Handler) -> None:
            doomed.send_signal(signal.SIGKILL)
            doomed.wait()

        here.does.append(kill)
        happen(database, account, events=3)
        doomed.wait()
        held = here.arrived[1]
        sender(processes)
        delivered = wait_until_delivered(database, account, made.id, count=4)
    again = [each for each in here.arrived[2:] if each.id == held.id]
    assert [each.body for each in again] == [held.body]
    assert again[0].at - held.at > WEBHOOK_LEASE_S / 2
    assert set(here.ids()) == set(delivered)
    assert [each.number for each in delivered[held.id].log] == [2]


def test_200_after_the_time_out_has_failed(processes: Fleet, database: Engine, account: int) -> None:
    """It is tried again with the same id and bytes, and the receiver has it twice; the log tells of both attempts."""

    def wait_until_given_up(handler: Handler) -> None:
        assert select.select([handler.connection], [], [], 10 * WEBHOOK_SECONDS_MAX)[0]
        assert handler.connection.recv(1) == b""

    with application() as here:
        made = endpoint(database, account, here.port)
        here.does.append(wait_until_given_up)
        [subject] = happen(database, account)
        sender(processes)
        [delivered] = wait_until_delivered(database, account, made.id, count=1).values()
    first, second = here.arrived
    assert (first.id, first.body) == (second.id, second.body)
    assert UUID(json.loads(second.body)["data"]["id"]) == subject
    assert [(each.number, each.status) for each in delivered.log] == [(1, None), (2, 200)]
    assert "no answer within" in str(delivered.log[0].error)
