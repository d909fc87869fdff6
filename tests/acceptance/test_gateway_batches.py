"""Batches over HTTP: a file in one call, kept before it is accepted."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

ROWS = [
    *(prepaid(uniqueness_key=f"row {number}") for number in range(1_200)),
    prepaid(priority="high"),
    prepaid(uniqueness_key="row 0"),
]
FILE = "\n".join(json.dumps(row) for row in ROWS).encode()


@pytest.fixture(scope="module")
def account(module_database: Engine) -> Intake:
    """An account with the catalog of the cases."""
    return Intake(module_database)


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway with a worker and a scheduler behind it."""
    module_fleet.worker("commits,commits.bulk")
    module_fleet.scheduler()
    with gateway(module_fleet, account.token, TRUEUP_QUEUE_LIMIT="2") as running:
        yield running


def upload(here: Gateway, content: bytes, media_type: str = "application/jsonl", **query: Any) -> Answer:
    """Sends a batch."""
    return here.call("POST", "/v1/batches", content=content, headers={"content-type": media_type}, params=query)


def decided(here: Gateway, batch_id: str, **query: Any) -> Any:
    """The batch once every row has an outcome."""

    def look() -> Any:
        told = here.call("GET", f"/v1/batches/{batch_id}", params=query).json
        return told if told["data"]["undecided"] == 0 else None

    return wait_for(look, what="the batch to be decided")


def test_a_batch(here: Gateway, account: Intake) -> None:
    """Every row gets its outcome, past the backlog's limit too; the same file again is the same batch."""
    answer = upload(here, FILE)
    assert (answer.status, answer.json["data"]["rows"]) == (202, 1_202)
    batch_id = answer.json["data"]["id"]
    assert answer.headers["location"] == f"/v1/batches/{batch_id}"
    told = decided(here, batch_id, limit=1_000)
    assert told["data"]["outcomes"] == {"created": 1_200, "duplicate": 1, "invalid": 1, "not_found": 0, "parked": 0}
    rest = decided(here, batch_id, limit=1_000, next_page=told["next_page"])
    rows = told["data"]["results"] + rest["data"]["results"]
    assert [each["row"] for each in rows] == list(range(1, 1_203))
    assert rest["next_page"] is None
    assert [each["outcome"] for each in rows[-2:]] == ["invalid", "duplicate"]
    again = upload(here, gzip.compress(FILE), "application/gzip")
    assert (again.status, again.json["data"]["id"]) == (202, batch_id)
    assert decided(here, batch_id)["data"]["outcomes"]["created"] == 1_200
    assert account.count("commit") == 1_200
    wait_for(lambda: account.count("intake") == 0, what="every envelope to be let go")


def test_what_is_no_batch(here: Gateway) -> None:
    """An empty file, another type, and a name that belongs to other content are refused; a stranger's is missing."""
    assert upload(here, b"\n").status == 400
    assert upload(here, b"{}", "application/json").status == 415
    assert upload(here, b"{}", name="mine").status == 202
    other = upload(here, b"[]", name="mine")
    assert (other.status, other.headers["x-should-retry"]) == (409, "false")
    assert here.call("GET", "/v1/batches/5e78454d-f065-41c2-84cc-4549c1acc990").status == 404
