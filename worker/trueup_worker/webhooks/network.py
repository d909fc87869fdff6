"""Connections of deliveries: a name is resolved once, all its addresses are judged, and one of these is connected to.

What the request is about keeps the name: the header `host`, the name in TLS and the certificate's. Nothing is read from
the environment. Where the installation has a proxy for what leaves it, that is asked for the name, and judges it.
"""

import asyncio
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ipaddress import ip_address
from typing import Any

import certifi
from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from trueup_worker.webhooks.addresses import Address, AddressPolicy

_RESOLVERS = 128  # names that are being resolved at once; each at most once at a time
_RESOLVERS_SLOW = 32  # of names that were slow, beside those: however many are silent, others are answered
_SLOW_S = 1.0  # a name that takes longer is slow, until it is answered sooner
_SLOW_NAMES_MAX = 10_000  # that are remembered
_KEPT_S = 10.0  # an idle connection is kept for the next delivery


_SLOW_NAMES: dict[str, None] = {}  # of this process


class AddressRefused(OSError):
    """The name has an address where deliveries may not go."""


class Resolver:
    """Asks the system for a name's addresses, each name once at a time: a slow answer holds one thread, not many.

    Args:
        slow: names that were slow, which is noted here.
    """

    def __init__(self, slow: dict[str, None] | None = None) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")
        self._slow_threads = ThreadPoolExecutor(_RESOLVERS_SLOW, thread_name_prefix="slow_resolver")
        self._slow = _SLOW_NAMES if slow is None else slow
        self._asked: dict[str, asyncio.Future[list[Address]]] = {}

    async def addresses(self, host: str) -> list[Address]:
        """All of them; raises OSError where there are none."""
        asked = self._asked.get(host)
        if asked is None:
            loop = asyncio.get_running_loop()
            threads = self._slow_threads if host in self._slow else self._threads
            asked = self._asked[host] = loop.run_in_executor(threads, self._timed, host)
            asked.add_done_callback(lambda done: self._forget(host, done))
        return await asyncio.shield(asked)

    def look_up(self, host: str) -> list[Address]:
        """Addresses as the system knows them."""
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))

    def close(self) -> None:
        """Begin nothing new; what is asked ends by itself."""
        for each in (self._threads, self._slow_threads):
            each.shutdown(wait=False, cancel_futures=True)

    def _timed(self, host: str) -> list[Address]:
        """Addresses of a name; it is noted whether it is a slow one."""
        began = time.monotonic()
        try:
            return self.look_up(host)
        finally:
            self._slow.pop(host, None)
            if time.monotonic() > began + _SLOW_S:
                if len(self._slow) >= _SLOW_NAMES_MAX:
                    self._slow.clear()
                self._slow[host] = None

    def _forget(self, host: str, done: "asyncio.Future[list[Address]]") -> None:
        self._asked.pop(host, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have gone


class JudgingResolver(AbstractResolver):
    """Gives a name's addresses, if all of them are allowed."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, *, is_encrypted: bool) -> None:
        self._policy, self._resolver, self._is_encrypted = policy, resolver, is_encrypted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All of them, of either family.

        Raises:
            AddressRefused: one of them is not allowed; then none is tried.
            OSError: there is none.
        """
        found = await self._resolver.addresses(host)
        for each in found:
            if not self._policy.allows(each, port, is_encrypted=self._is_encrypted):
                raise AddressRefused(f"{host} leads to an address where deliveries may not go (port {port})")
        assert family == socket.AF_UNSPEC
        return [_result(host, each, port) for each in found]

    async def close(self) -> None:
        """Do nothing: whoever made the resolver closes it."""


def connector(
    policy: AddressPolicy, resolver: Resolver, context: ssl.SSLContext, *, is_encrypted: bool
) -> TCPConnector:
    """Maker of connections to addresses that the policy allows: judged as a name is resolved, and as each is made."""

    def judged_socket(info: Any) -> socket.socket:
        family, kind, protocol, _, (host, port, *_) = info
        if not policy.allows(ip_address(host), port, is_encrypted=is_encrypted):
            raise AddressRefused(f"deliveries may not go to {host} (port {port})")
        return socket.socket(family, kind, protocol)

    return TCPConnector(
        ssl=context,
        limit=0,
        use_dns_cache=False,
        resolver=JudgingResolver(policy, resolver, is_encrypted=is_encrypted),
        socket_factory=judged_socket,
        keepalive_timeout=_KEPT_S,
    )


@cache
def trusted() -> ssl.SSLContext:
    """Authorities that certificates are checked against: the system's, those of SSL_CERT_FILE, and certifi's.

    They are read once: to read them takes as long as some hundred deliveries.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _result(host: str, address: Address, port: int) -> ResolveResult:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return {
        "hostname": host,
        "host": str(address),
        "port": port,
        "family": family,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }
