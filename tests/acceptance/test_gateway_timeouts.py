"""Clients that take their time: the gateway does not wait for ever, and nobody waits for them."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import CREATE, Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

BEGUN = b"GET /livez HTTP/1.1\r\nhost: here\r\n"


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, module_database: Engine) -> Iterator[Gateway]:
    """A gateway with short timeouts."""
    account = Intake(module_database, account="timeouts")
    timeouts = {"TRUEUP_HTTP_HEADERS_S": "1", "TRUEUP_HTTP_BODY_S": "1", "TRUEUP_HTTP_WAIT_S": "1.5"}
    with gateway(module_fleet, account.token, **timeouts) as running:
        assert running.call("GET", "/livez").status == 200
        yield running


def connected(here: Gateway) -> socket.socket:
    """A connection of one's own."""
    address = urlsplit(here.url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


@pytest.mark.parametrize("sent", [b"", BEGUN], ids=["nothing", "half of them"])
def test_headers_that_do_not_arrive(here: Gateway, sent: bytes) -> None:
    """The connection is closed."""
    with closing(connected(here)) as client:
        client.sendall(sent)
        assert client.recv(1) == b""


def test_headers_of_a_second_call_that_do_not_arrive(here: Gateway) -> None:
    """On a connection that is kept, likewise; between two calls it may rest longer."""
    with closing(connected(here)) as client, client.makefile("rb") as answers:
        client.sendall(BEGUN + b"\r\n" + BEGUN)
        told = answers.read()
    assert told.startswith(b"HTTP/1.1 200 ")
    assert told.count(b"HTTP/1.1 ") == 1


def test_an_answer_before_headers_that_do_not_arrive(here: Gateway) -> None:
    """A call that is worked on is answered, although the headers of the next one take too long."""
    body = json.dumps(prepaid())
    head = f"POST {CREATE} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {here.token}\r\n"
    with closing(connected(here)) as client, client.makefile("rb") as answers:
        client.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode() + BEGUN)
        told = answers.read()
    assert told.startswith(b"HTTP/1.1 202 ")
    assert told.count(b"HTTP/1.1 ") == 1


def test_a_body_that_does_not_arrive(here: Gateway) -> None:
    """408, for a create and for an upload."""
    for path, media_type in (("contracts/customerCommits/create", "json"), ("batches", "jsonl")):
        head = f"POST /v1/{path} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {here.token}\r\n"
        with closing(connected(here)) as client:
            client.sendall(f"{head}content-type: application/{media_type}\r\ncontent-length: 9\r\n\r\n{{".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("line", [b"a: b\r\n", b"x"], ids=["many", "one"])
def test_headers_without_end(here: Gateway, line: bytes) -> None:
    """They are refused before they fill the memory."""
    with closing(connected(here)) as client, client.makefile("rb") as answers:
        with suppress(OSError):  # closed while we still talk
            client.sendall(b"GET /livez HTTP/1.1\r\nlong: " + line * 100_000)
            client.sendall(line * 2_000_000)
        with suppress(ConnectionResetError):
            assert answers.readline() == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    assert here.call("GET", "/livez").status == 200


def test_who_is_no_http_client_is_told(here: Gateway) -> None:
    """In the form of every refusal."""
    with closing(connected(here)) as client, client.makefile("rb") as answers:
        client.sendall(b"what is this?\r\n\r\n")
        head, _, told = answers.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(told)["code"] == "invalid_request"


def test_who_says_no_more_still_hears_the_answer(here: Gateway) -> None:
    """A client may close its half of the connection once it has sent all."""
    with closing(connected(here)) as client, client.makefile("rb") as answers:
        client.sendall(BEGUN + b"connection: close\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert answers.read().startswith(b"HTTP/1.1 200 ")
