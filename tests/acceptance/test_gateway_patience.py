"""Clients that take their time: the gateway does not wait for ever, and nobody waits for them."""

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.integration.intake import Intake

BEGUN = b"GET /livez HTTP/1.1\r\nhost: here\r\n"


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, module_database: Engine) -> Iterator[Gateway]:
    """A gateway with little patience."""
    account = Intake(module_database, account="patience")
    with gateway(module_fleet, account.token, TRUEUP_HTTP_HEADERS_S="0.3", TRUEUP_HTTP_BODY_S="0.3") as running:
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


def test_a_body_that_does_not_arrive(here: Gateway) -> None:
    """408, for a create and for an upload."""
    for path, media_type in (("contracts/customerCommits/create", "json"), ("batches", "jsonl")):
        head = f"POST /v1/{path} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {here.token}\r\n"
        with closing(connected(here)) as client:
            client.sendall(f"{head}content-type: application/{media_type}\r\ncontent-length: 9\r\n\r\n{{".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 408 ")
