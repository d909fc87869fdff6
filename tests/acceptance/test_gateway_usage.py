"""Rated usage over HTTP, with a worker behind it: a line a call, or a file."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.acceptance.test_usage import HEADER, used
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake
from tests.unit.wire.test_usage import NOBODY
from trueup.store.accounts.tokens import create_token
from trueup.wire.message.names import QUEUE_USAGE


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway before a worker of the usage queue."""
    module_fleet.worker(QUEUE_USAGE)
    with gateway(module_fleet, account.token) as running:
        yield running


def record(here: Gateway, line: Any, **headers: str) -> Answer:
    """One line."""
    return here.create(line, path="/v1/usage", **headers)


def outcome(here: Gateway, request_id: str) -> Any:
    """What became of a request, once it is decided."""

    def look() -> Any:
        told = here.call("GET", f"/v1/requests/{request_id}").json["data"]
        return told if told["outcome"] != "pending" else None

    return wait_for(look, what="the request to be decided")


def test_a_line(here: Gateway, account: Intake) -> None:
    """It is recorded, and the same line again has the same id; other content under its transaction id is refused."""
    line = used(7, name="single")
    first = record(here, line)
    assert (first.status, outcome(here, first.json["data"]["id"])["outcome"]) == (200, "created")
    assert [record(here, line).json for _ in range(2)] == [first.json] * 2
    other = record(here, line | {"quantity": 8})
    assert (other.status, other.json["code"], other.headers["x-should-retry"]) == (409, "duplicate", "false")
    assert other.json["existing"] == {"id": first.json["data"]["id"], "type": "USAGE"}
    assert other.json["errors"][0]["code"] == "transaction_id_reused"
    assert account.count("usage_line") == 1


def test_many_at_once(here: Gateway, account: Intake) -> None:
    """Concurrent calls share envelopes, and each line is recorded once, whoever sends it how often."""
    lines = [used(number, name="many") for number in range(40)] * 2
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda line: record(here, line), lines))
    ids = [answer.json["data"]["id"] for answer in answers]
    assert {answer.status for answer in answers} == {200}
    assert ids[:40] == ids[40:]
    [(stored,)] = account.rows("SELECT count(*) FROM usage_line WHERE account_id = :a AND transaction_id ~ 'many'")
    assert stored == 40


def test_what_is_refused(here: Gateway, account: Intake) -> None:
    """Every problem has its place and code; a token for commits records no usage."""
    wrong = record(here, used(1, name="wrong", list_price="x") | {"quantity": -1})
    assert wrong.status == 400
    assert {(each["path"], each["code"]) for each in wrong.json["errors"]} == {
        ("/quantity", "negative"),
        ("/list_price", "not_a_number"),
    }
    assert record(here, used(1, name="lost", product_id=NOBODY)).status == 404
    assert record(here, "{").json["errors"][0]["code"] == "json_invalid"
    with account.engine.begin() as connection:
        token = create_token(
            connection, account_id=account.account_id, scopes=("commits:write",), secret_key=SECRET_KEY
        )
    for path in ("/v1/usage", "/v1/usage/batch"):
        assert here.create(used(1, name="forbidden"), path=path, token=token).status == 403


def test_respond_async(here: Gateway) -> None:
    """The line is kept, and then recorded."""
    kept = record(here, used(3, name="async"), prefer="respond-async")
    assert (kept.status, kept.json["data"]["outcome"]) == (202, "pending")
    assert outcome(here, kept.json["data"]["id"])["outcome"] == "created"


@pytest.mark.parametrize("media_type", ["application/jsonl", "text/csv"])
def test_a_file(here: Gateway, media_type: str) -> None:
    """Every row has its outcome, in the order of the rows; the same file again is the same batch."""
    lines = [used(number, name=media_type) for number in range(120)] + [used(1, name=media_type) | {"quantity": 9}]
    if media_type == "text/csv":
        content = "\n".join([HEADER, *(",".join(map(str, line.values())) for line in lines)])
    else:
        content = "\n".join(map(json.dumps, lines))
    sent = [
        here.call("POST", "/v1/usage/batch", content=content.encode(), headers={"content-type": media_type})
        for _ in range(2)
    ]
    assert [(each.status, each.json["data"]["rows"]) for each in sent] == [(202, 121)] * 2
    assert sent[0].json == sent[1].json

    def decided() -> Any:
        told = here.call("GET", sent[0].headers["location"], params={"limit": 1_000}).json["data"]
        return told if told["undecided"] == 0 else None

    told = wait_for(decided, what="the batch to be decided")
    assert (told["kind"], told["outcomes"]["created"], told["outcomes"]["invalid"]) == ("usage", 120, 1)
    assert [each["row"] for each in told["results"]] == list(range(1, 122))
    assert told["results"][-1]["errors"][0]["code"] == "transaction_id_reused"
