"""Sends one request and says what came of it, within its deadline, whatever the other side does."""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import httpcore
from anyio.lowlevel import checkpoint

from trueup.limits import (
    WEBHOOK_ANSWER_BYTES,
    WEBHOOK_CONCURRENCY,
    WEBHOOK_CONNECT_S,
    WEBHOOK_POOLS_MAX,
    WEBHOOK_SECONDS_MAX,
)
from trueup_worker.webhooks.addresses import AddressPolicy
from trueup_worker.webhooks.network import AddressRefused, JudgedNetwork, Resolver, trusted
from trueup_worker.webhooks.url import Target

_GONE = 410
_KEPT_S = 10.0  # an idle connection is kept for the next delivery
_ERROR_CHARS_MAX = 300
_WAITS = {"connect": WEBHOOK_CONNECT_S, "read": WEBHOOK_SECONDS_MAX, "write": WEBHOOK_SECONDS_MAX}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """Outcome of an attempt.

    Attributes:
        duration_s: of all of it.
        status: of the answer; None: there was none in time.
        error: why it failed; None: it was delivered.
        answer: the beginning of the answer's body; None: there was no answer.
    """

    duration_s: float
    status: int | None = None
    error: str | None = None
    answer: bytes | None = None

    @property
    def is_gone(self) -> bool:
        """Tell whether the other side wants nothing any more."""
        return self.status == _GONE


class Sender:
    """Connections to endpoints, those of each apart: closed when it is left.

    Args:
        policy: where they may go.
        proxy: URL of the one that all but loopback goes through; None: there is none.
        seconds_max: that an attempt may take.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        proxy: str | None = None,
        seconds_max: float = WEBHOOK_SECONDS_MAX,
        resolver: Resolver | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy, self._proxy, self._seconds_max = policy, proxy, seconds_max
        self._resolver = resolver or Resolver()
        self._context = context or trusted()
        self._pools: OrderedDict[tuple[object, bool], httpcore.AsyncConnectionPool] = OrderedDict()

    async def __aenter__(self) -> Self:
        await checkpoint()  # loads what the first attempt would lose time with
        return self

    async def __aexit__(self, *_: object) -> None:
        self._resolver.close()
        for pool in self._pools.values():
            await pool.aclose()

    async def post(self, owner: object, target: Target, headers: Mapping[str, str], body: bytes) -> Attempted:
        """Send a body, and wait for the beginning of the answer.

        Args:
            owner: whose connections are used.
            target: where to.
            headers: beside those that every request has.
            body: JSON.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds_max):
                status, answer = await self._ask(owner, target, headers, body)
        except Exception as error:  # noqa: BLE001 - whatever the other side makes of it, the attempt has failed
            return Attempted(duration_s=time.monotonic() - began, error=self._told(error))
        refusal = None if 200 <= status < 300 else _refusal(status)
        return Attempted(duration_s=time.monotonic() - began, status=status, error=refusal, answer=answer)

    async def _ask(self, owner: object, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        url = httpcore.URL(
            scheme=b"https" if target.is_encrypted else b"http",
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        sent = {
            "host": target.authority,
            "user-agent": "Trueup",
            "content-type": "application/json",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-length": str(len(body)),
            **headers,
        }
        asked = self._pool(owner, is_encrypted=target.is_encrypted).stream(
            "POST", url, headers=list(sent.items()), content=body, extensions={"timeout": _WAITS}
        )
        async with asked as response:
            return response.status, await _beginning(response)

    def _pool(self, owner: object, *, is_encrypted: bool) -> httpcore.AsyncConnectionPool:
        key = (owner, is_encrypted)
        pool = self._pools.get(key)
        if pool is None:
            while len(self._pools) >= WEBHOOK_POOLS_MAX and self._drop_idle():
                pass
            pool = self._pools[key] = self._new_pool(is_encrypted=is_encrypted)
        self._pools.move_to_end(key)
        return pool

    def _drop_idle(self) -> bool:
        """Forget the pool that was idle for longest; whatever it still holds is closed by its own expiry."""
        for key, pool in self._pools.items():
            if all(each.is_idle() or each.is_closed() for each in pool.connections):
                del self._pools[key]
                self._closing = asyncio.ensure_future(pool.aclose())
                return True
        return False

    def _new_pool(self, *, is_encrypted: bool) -> httpcore.AsyncConnectionPool:
        options: dict[str, Any] = {
            "ssl_context": self._context,
            "max_connections": WEBHOOK_CONCURRENCY,
            "keepalive_expiry": _KEPT_S,
        }
        if self._proxy is not None and is_encrypted:
            parts = urlsplit(self._proxy)
            user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
            address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            return httpcore.AsyncHTTPProxy(address, proxy_auth=user, **options)
        network = JudgedNetwork(self._policy, self._resolver, is_encrypted=is_encrypted)
        return httpcore.AsyncConnectionPool(network_backend=network, **options)

    def _told(self, error: Exception) -> str:
        """Reason why there was no answer, in words for whoever runs the endpoint."""
        if isinstance(error, httpcore.ConnectTimeout):
            return f"no connection within {WEBHOOK_CONNECT_S:g} s"
        if isinstance(error, TimeoutError | httpcore.TimeoutException):
            return f"no answer within {self._seconds_max:g} s"
        said = str(error) or "the connection was closed before the answer was complete"
        known = isinstance(error, AddressRefused | httpcore.ConnectError | httpcore.ProtocolError | httpcore.ReadError)
        return (said if known else f"{type(error).__name__}: {said}")[:_ERROR_CHARS_MAX]


async def _beginning(response: httpcore.Response) -> bytes:
    """The first bytes of the body; nothing more of it is read."""
    read = bytearray()
    async for part in response.aiter_stream():
        read += part
        if len(read) >= WEBHOOK_ANSWER_BYTES:
            break
    return bytes(read[:WEBHOOK_ANSWER_BYTES])


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed"
    return f"answered {status}"
