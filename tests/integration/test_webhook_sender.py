"""One attempt at a delivery: what the other side may do, and what comes of it."""

import asyncio
import re
import time
from collections.abc import Coroutine
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import pytest

from tests.integration.receivers import (
    Authority,
    KnownNames,
    Received,
    answers,
    drips,
    hang,
    hang_up,
    receiver,
)
from trueup.limits import WEBHOOK_ANSWER_BYTES
from trueup_worker.webhooks.addresses import AddressPolicy, exceptions_of
from trueup_worker.webhooks.sender import Attempted, Sender
from trueup_worker.webhooks.url import target_of

T = TypeVar("T")
LOOPBACK = AddressPolicy(allows_loopback=True)
SECONDS = 0.5


def run(what: Coroutine[Any, Any, T]) -> T:
    """Its result."""
    return asyncio.run(what)


async def post(
    url: str, *, policy: AddressPolicy = LOOPBACK, times: int = 1, seconds_max: float = 10, **sender: Any
) -> Attempted:
    """The last of so many attempts, one after the other."""
    async with Sender(policy, seconds_max=seconds_max, **sender) as sending:
        for _ in range(times):
            attempted = await sending.post(target_of(url, policy), {"webhook-id": "1"}, b'{"a":1}')
    return attempted


def test_what_is_sent() -> None:
    """The body as it is, with its headers; one connection for one delivery after the other."""

    async def twice() -> None:
        async with receiver(answers(204, b"")) as here:
            attempted = await post(f"http://127.0.0.1:{here.port}/hooks?x=1", times=2)
            assert (attempted.status, attempted.error) == (204, None)
            assert here.connections == 1
            received = here.received[0]
            assert (received.path, received.body) == ("/hooks?x=1", b'{"a":1}')
            assert received.headers["host"] == f"127.0.0.1:{here.port}"
            assert (received.headers["webhook-id"], received.headers["content-type"]) == ("1", "application/json")

    run(twice())


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (hang, "no answer within 0.5 s"),
        (drips(b"HTTP/1.1 200", b" ", pause_s=0.02), "no answer within 0.5 s"),
        (drips(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", pause_s=0.02), "no answer within 0.5 s"),
        (drips(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", pause_s=0.02), "no answer within 0.5 s"),
        (drips(b"HTTP/1.1 200 OK\r\n\r\n", b"a", pause_s=0.02), "no answer within 0.5 s"),
        (hang_up, "disconnected"),
        (answers(302, b"", "location: http://10.0.0.1/\r\n"), "answered 302: redirects are not followed"),
        (answers(500), "answered 500"),
        (answers(410), "answered 410"),
    ],
)
def test_what_is_no_delivery(behaviour: Any, error: str) -> None:
    """Nothing takes longer than an attempt may, however it is begun."""

    async def once() -> None:
        async with receiver(behaviour) as here:
            attempted = await post(f"http://127.0.0.1:{here.port}/", seconds_max=SECONDS)
            assert attempted.duration_s < SECONDS + 1
            assert re.search(error, attempted.error or "")
            assert len(here.received) == 1

    run(once())


def test_ten_gigabytes_are_not_read() -> None:
    """The beginning is, and the connection is closed: what was answered counts."""
    sent = 0

    async def flood(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async def once() -> None:
        async with receiver(flood) as here:
            attempted = await post(f"http://127.0.0.1:{here.port}/")
        assert (attempted.status, attempted.error) == (200, None)
        assert attempted.answer == b"x" * WEBHOOK_ANSWER_BYTES

    run(once())
    assert sent < 50_000_000


def test_headers_without_end_are_not_kept() -> None:
    """Some kilobytes of them, and the attempt has failed."""

    async def once() -> None:
        async with receiver(drips(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 60_000 + b"\r\n", pause_s=0)) as here:
            attempted = await post(f"http://127.0.0.1:{here.port}/")
        assert attempted.status is None

    run(once())


def test_a_name_is_judged_by_all_its_addresses() -> None:
    """One that is private among them, and nothing is connected to."""

    async def once() -> None:
        async with receiver(answers()) as here:
            policy = AddressPolicy(exceptions=exceptions_of(f"127.0.0.1:{here.port}"))
            names = KnownNames(example_com=[["127.0.0.1", "10.0.0.1"]])
            attempted = await post(f"https://example.com:{here.port}/", policy=policy, resolver=names)
            assert attempted.error == f"example.com leads to an address where deliveries may not go (port {here.port})"
            assert here.connections == 0

    run(once())


def test_the_address_that_was_judged_is_connected_to(tmp_path: Path) -> None:
    """A name that leads elsewhere when asked again is not asked again; TLS and `host` keep the name."""

    async def once() -> None:
        authority = Authority.made(tmp_path)
        async with receiver(answers(), context=authority.server("example.com")) as here:
            policy = AddressPolicy(exceptions=exceptions_of(f"127.0.0.1:{here.port}"))
            names = KnownNames(example_com=[["127.0.0.1"], ["10.0.0.1"]])
            attempted = await post(
                f"https://example.com:{here.port}/", policy=policy, resolver=names, context=authority.trusted()
            )
            assert (attempted.status, names.asked) == (200, 1)
            assert here.server_names == ["example.com"]
            assert here.received[0].headers["host"] == f"example.com:{here.port}"

    run(once())


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """As is one that nobody vouches for."""

    async def once() -> None:
        authority = Authority.made(tmp_path)
        async with receiver(answers(), context=authority.server("example.org")) as here:
            policy = AddressPolicy(exceptions=exceptions_of(f"127.0.0.1:{here.port}"))
            url = f"https://example.com:{here.port}/"
            for trusted in (authority.trusted(), None):
                names = KnownNames(example_com=[["127.0.0.1"]])
                attempted = await post(url, policy=policy, resolver=names, context=trusted)
                assert attempted.error is not None
                assert "certificate verify failed" in attempted.error
            assert here.received == []

    run(once())


def test_a_resolver_that_hangs_is_waited_for_once() -> None:
    """Whoever asks for the same name meanwhile waits for the same answer, and no longer than an attempt may take."""

    class Slow(KnownNames):
        def look_up(self, host: str) -> Any:
            self.asked += 1
            time.sleep(1.5)
            return super().look_up(host)

    async def twice() -> None:
        names = Slow(example_com=[["127.0.0.1"]])
        attempted = await post("https://example.com/", resolver=names, times=2, seconds_max=SECONDS)
        assert attempted.error == "no answer within 0.5 s"
        assert names.asked == 1

    run(twice())


def test_names_that_are_silent_keep_no_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were slow have threads of their own."""
    silent = Event()
    monkeypatch.setattr("trueup_worker.webhooks.network._RESOLVERS", 1)
    monkeypatch.setattr("trueup_worker.webhooks.network._SLOW_S", 0.05, raising=False)

    class Silent(KnownNames):
        def look_up(self, host: str) -> Any:
            if host == "silent.example":
                silent.wait(0.1 if not self.asked else 30)
            return super().look_up(host)

    async def once() -> None:
        names = Silent(silent_example=[["192.0.2.1"]], example_com=[["192.0.2.2"]])
        await names.addresses("silent.example")
        waiting = asyncio.create_task(names.addresses("silent.example"))
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(5):
                await names.addresses("example.com")
            assert not waiting.done()
        finally:
            silent.set()
            await waiting

    run(once())


def test_nobody_listens() -> None:
    """Told as that."""

    async def once() -> None:
        async with receiver(answers()) as here:
            port = here.port
        assert "Cannot connect" in ((await post(f"http://127.0.0.1:{port}/")).error or "")

    run(once())


def test_a_proxy_of_the_installation_is_asked_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It judges where that leads; those of the environment are not."""

    async def once() -> None:
        async with receiver(answers(403, b"not there")) as proxy:
            policy = AddressPolicy(exceptions=exceptions_of("127.0.0.1:1"))
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            names = KnownNames(example_com=[["127.0.0.1"]])
            await post("https://example.com:1/", policy=policy, resolver=names)
            assert proxy.received == []
            attempted = await post("https://example.com/", policy=policy, proxy=f"http://a:b@127.0.0.1:{proxy.port}")
            assert attempted.error == "the proxy that deliveries leave by answered 403"
            assert proxy.received[0].path == "example.com:443"
            assert proxy.received[0].headers["proxy-authorization"].startswith("Basic ")

    run(once())


def test_a_proxy_that_is_away_is_not_named() -> None:
    """Whoever runs an endpoint learns nothing about the network of the installation."""

    async def once() -> None:
        async with receiver(answers()) as here:
            port = here.port
        attempted = await post("https://example.com/", proxy=f"http://name:secret@127.0.0.1:{port}")
        assert attempted.error == "the proxy that deliveries leave by cannot be reached"

    run(once())
