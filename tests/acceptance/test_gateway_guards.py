"""What the gateway does not do for whoever asks: look up guesses, say their words back, fill its disk."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, text

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

WRONG_A_MINUTE = 20
HALF_A_MB = b"[]" + b"\n" * 499_990


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway with narrow bounds, before a worker."""
    module_fleet.worker("commits,commits.bulk")
    bounds = {"TRUEUP_HTTP_UPLOAD_MB": "1", "TRUEUP_HTTP_SPOOL_MB": "4"}
    wrong = {"TRUEUP_HTTP_WRONG_TOKENS": str(WRONG_A_MINUTE)}
    with gateway(module_fleet, account.token, **bounds, **wrong) as running:
        yield running


def raw(here: Gateway, sent: bytes) -> bytes:
    """What is said to these bytes, until the connection is closed."""
    address = urlsplit(here.url)
    with closing(socket.create_connection((address.hostname, address.port), timeout=20)) as client:
        client.sendall(sent)
        with client.makefile("rb") as answer:
            return answer.read()


def test_every_answer_is_guarded(here: Gateway) -> None:
    """Good ones, refusals, pages, what is not served, what is no HTTP: none may be kept or taken for something else."""
    answers = [
        here.call("GET", "/livez", token=""),
        here.call("GET", "/docs", token=""),
        here.call("GET", "/docs/swagger-ui.css", token=""),
        here.call("GET", "/redoc", token=""),
        here.call("GET", "/openapi.json", token=""),
        here.call("GET", "/v1/customers"),
        here.call("GET", "/v1/customers", token=""),
        here.call("GET", "/v1/nothing"),
        here.call("DELETE", "/v1/customers"),
        here.create("nonsense"),
        here.create(prepaid()),
    ]
    for answer in answers:
        guards = (answer.headers["x-content-type-options"], answer.headers["cache-control"])
        assert guards == ("nosniff", "no-store"), answer
    head = raw(here, b"what is this?\r\n\r\n").lower()
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    assert b"\r\ncache-control: no-store\r\n" in head


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/v1/nothing", "/v1/customers", "/docs/"])
def test_nobody_s_host_is_said_back(here: Gateway, path: str) -> None:
    """Neither of the host header, nor of those that proxies set; the document names the gateway's own address."""
    headers = ["host: elsewhere.test", "x-forwarded-host: elsewhere.test", "forwarded: host=elsewhere.test"]
    told = raw(here, "\r\n".join([f"GET {path} HTTP/1.1", *headers, "connection: close", "", ""]).encode())
    assert told.startswith(b"HTTP/1.1 ")
    assert b"elsewhere.test" not in told
    assert path != "/openapi.json" or here.url.encode() in told


def upload(here: Gateway, content: bytes, *, token: str | None = None, chunked: bool = False) -> Answer:
    """Sends a batch, with its length or without."""
    given = iter([content[:400_000], content[400_000:]]) if chunked else content
    headers = {"content-type": "application/jsonl"}
    return here.call("POST", "/v1/batches", token=token, content=given, headers=headers, params={"new": True})


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_is_too_long(here: Gateway, chunked: bool) -> None:  # noqa: FBT001
    """413, which says how long one may be."""
    answer = upload(here, b" " * 1_100_000, chunked=chunked)
    assert (answer.status, "1 MB" in answer.json["message"]) == (413, True)
    assert upload(here, HALF_A_MB, chunked=chunked).status == 202


def test_uploads_that_wait_for_their_turn(here: Gateway, module_database: Engine) -> None:
    """An account's take so much room, then 429; another's are taken; once they have had their turn there is room."""
    other = Intake(module_database, account="other")
    with ThreadPoolExecutor(6) as pool:
        with module_database.begin() as connection:
            connection.execute(text("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE"))
            sent = {pool.submit(upload, here, HALF_A_MB) for _ in range(5)}
            answered = next(as_completed(sent))
            full = answered.result()
            assert (full.json["code"], int(full.headers["retry-after"]) > 0) == ("rate_limited", True)
            sent ^= {answered, pool.submit(upload, here, HALF_A_MB, token=other.token)}
        assert [each.result().status for each in sent] == [202] * 5
    assert upload(here, HALF_A_MB).status == 202


def test_wrong_tokens(here: Gateway) -> None:
    """So many are looked at, then none from here, and that costs nothing; who was known to be good is not shut out."""
    assert here.call("GET", "/v1/customers").status == 200
    key_id = here.token.split("_")[1]
    guesses = [f"tu_{key_id if number % 2 else 'a' * 16}_{number:064}" for number in range(100)]
    told = [here.call("GET", "/v1/customers", token=each) for each in guesses]
    statuses = [each.status for each in told]
    assert WRONG_A_MINUTE <= statuses.count(401) <= WRONG_A_MINUTE + 10
    assert set(statuses) == {401, 429}
    assert told[-1].json["code"] == "rate_limited"
    assert 1 <= int(told[-1].headers["retry-after"]) <= 60
    assert here.call("GET", "/v1/customers").status == 200
    assert here.create(json.dumps(prepaid())).status == 200
