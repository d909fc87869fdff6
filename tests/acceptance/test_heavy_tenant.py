"""One account sends as much work as a token allows; the others do not notice."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests import bodies
from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet, Process, wait_for
from tests.integration.intake import Intake, entry
from tests.integration.test_heavy import MONTHS, heavy
from tests.integration.test_intake import prepaid

OTHERS_S_MAX = 10.0
MEMORY_MB_MAX = 300
OTHERS_FILE_ROWS = 1_200


@pytest.fixture(scope="module")
def workers(module_fleet: Fleet) -> list[Process]:
    """Two workers, as the Procfile has them, and a scheduler."""
    queues = ("commits,usage", "commits,commits.bulk,usage")
    started = [module_fleet.worker(each, TRUEUP_VISIBILITY_TIMEOUT_S="300") for each in queues]
    module_fleet.scheduler(TRUEUP_SCHEDULER_INTERVAL_S="0.5")
    return started


@pytest.fixture(scope="module")
def heavy_tenant(module_database: Engine) -> Intake:
    """The account that sends too much."""
    return Intake(module_database, "heavy")


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, heavy_tenant: Intake) -> Iterator[Gateway]:
    """A gateway."""
    with gateway(module_fleet, heavy_tenant.token) as running:
        yield running


def upload(here: Gateway, rows: list[Any], *, token: str) -> str:
    """Uploads a file; the id of its batch."""
    content = "\n".join(map(json.dumps, rows)).encode()
    told = here.call("POST", "/v1/batches", token=token, content=content, headers={"content-type": "application/jsonl"})
    assert told.status == 202, told.text
    return str(told.json["data"]["id"])


def undecided(here: Gateway, batch_id: str, *, token: str) -> int:
    """How many rows of a batch have no outcome."""
    return int(here.call("GET", f"/v1/batches/{batch_id}", token=token).json["data"]["undecided"])


def memory_mb(process: Process) -> int:
    """The most that a process has had in memory."""
    (line,) = [each for each in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in each]
    return int(line.split()[1]) // 1024


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rows", [70, pytest.param(1_000, marks=pytest.mark.slow)])
def test_everyone_else(here: Gateway, workers: list[Process], heavy_tenant: Intake, rows: int) -> None:
    """All of a heavy file is created, in bounded memory; requests and files of others are decided meanwhile."""
    other = Intake(heavy_tenant.engine, f"other beside {rows}")
    before = heavy_tenant.count("obligation")
    batch_id = upload(here, [heavy(name=f"{rows} {number}") for number in range(rows)], token=heavy_tenant.token)
    theirs = upload(here, [prepaid(name=str(number)) for number in range(OTHERS_FILE_ROWS)], token=other.token)
    waits_s: list[float] = []

    def is_decided() -> bool:
        asked_s = time.monotonic()
        assert here.create(prepaid(), token=other.token).status == 200
        waits_s.append(time.monotonic() - asked_s)
        return undecided(here, theirs, token=other.token) == 0

    wait_for(is_decided, what="the others' file to be decided", seconds_max=OTHERS_S_MAX)
    while undecided(here, batch_id, token=heavy_tenant.token):
        is_decided()
    assert heavy_tenant.count("obligation") - before == rows * MONTHS
    assert max(waits_s) < OTHERS_S_MAX
    assert all(memory_mb(each) < MEMORY_MB_MAX for each in workers)


@pytest.mark.usefixtures("workers")
def test_everyone_elses_invoices(module_fleet: Fleet, heavy_tenant: Intake) -> None:
    """While an account with tens of thousands of due instalments is worked on, another's is issued within seconds."""
    for _ in range(2):
        outcomes = heavy_tenant.receive(*(entry(heavy(**due_long_ago())) for _ in range(30)))
        assert {each.outcome for each in outcomes} == {"created"}
    module_fleet.worker("invoices", TRUEUP_ISSUE_ROWS="5")
    wait_for(lambda: heavy_tenant.count("invoice"), what="the heavy account's turn")
    other = Intake(heavy_tenant.engine, "other with an invoice")
    other.receive(entry(bodies.invoiced()))
    wait_for(lambda: other.count("invoice"), what="the other's invoice", seconds_max=OTHERS_S_MAX)
    pending = "SELECT count(*) FROM obligation WHERE account_id = :a AND state = 'pending' AND due_at < '2024-01-01'"
    assert heavy_tenant.rows(pending) > [(0,)]


def due_long_ago() -> dict[str, Any]:
    """A schedule of 650 months that are over."""
    monthly = bodies.recurring(
        starting_at="1970-01-01T00:00:00Z", ending_before="2024-03-01T00:00:00Z", amount_distribution="EACH", amount=1
    )
    return {"invoice_schedule": {"recurring_schedule": monthly}}
