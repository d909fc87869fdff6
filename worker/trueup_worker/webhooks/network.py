"""Connections of deliveries: a name is resolved once, all its addresses are judged, and one of these is connected to.

What the request is about keeps the name: the header `host`, the name in TLS and the certificate's. Nothing is read from
the environment. Where the installation has a proxy for what leaves it, that is asked for the name, and judges it.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import certifi
from httpcore import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from trueup_worker.webhooks.addresses import Address, AddressPolicy, literal

_RESOLVERS = 128  # names that are being resolved at once; each at most once at a time


class AddressRefused(Exception):
    """The name has an address where deliveries may not go."""


class Resolver:
    """Asks the system for a name's addresses, each name once at a time: a slow answer holds one thread, not many."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")
        self._asked: dict[str, asyncio.Future[list[Address]]] = {}

    async def addresses(self, host: str) -> list[Address]:
        """All of them; raises OSError where there are none."""
        if (known := literal(host)) is not None:
            return [known]
        asked = self._asked.get(host)
        if asked is None:
            loop = asyncio.get_running_loop()
            asked = self._asked[host] = loop.run_in_executor(self._threads, self.look_up, host)
            asked.add_done_callback(lambda done: self._forget(host, done))
        return await asyncio.shield(asked)

    def look_up(self, host: str) -> list[Address]:
        """The system's answer."""
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))

    def close(self) -> None:
        """Begin nothing new; what is asked ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, done: "asyncio.Future[list[Address]]") -> None:
        self._asked.pop(host, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have gone


class JudgedNetwork(AsyncNetworkBackend):
    """Makes TCP connections to addresses that the policy allows."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, *, is_encrypted: bool) -> None:
        self._policy, self._resolver, self._is_encrypted = policy, resolver, is_encrypted
        self._network = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to one of the host's addresses.

        Raises:
            AddressRefused: one of them is not allowed; then none is tried.
            ConnectError: there is none, or none answers.
        """
        async with asyncio.timeout(timeout):
            try:
                found = await self._resolver.addresses(host)
            except OSError as error:
                raise ConnectError(f"the name {host} cannot be resolved: {error.strerror or error}") from error
            self._judge(host, found, port)
            return await self._connect(found, port, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> AsyncNetworkStream:
        """Never: no URL leads there."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def _judge(self, host: str, found: list[Address], port: int) -> None:
        for each in found:
            if not self._policy.allows(each, port, is_encrypted=self._is_encrypted):
                named = str(each) if str(each) == host else f"{host} leads to {each}"
                raise AddressRefused(f"{named}: deliveries may not go there (port {port})")

    async def _connect(
        self, found: list[Address], port: int, local: str | None, options: Iterable[Any] | None
    ) -> AsyncNetworkStream:
        failure: Exception = ConnectError("the name has no address")
        for each in found:
            try:
                return await self._network.connect_tcp(str(each), port, None, local, options)
            except ConnectError as error:
                failure = error
        raise failure


def trusted() -> ssl.SSLContext:
    """Authorities that certificates are checked against: the system's, those of SSL_CERT_FILE, and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
