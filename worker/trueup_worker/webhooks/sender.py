"""Sends one request and says what came of it, within its deadline, whatever the other side does."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
    encode_basic_auth,
    hdrs,
)
from yarl import URL

from trueup.limits import WEBHOOK_ANSWER_BYTES, WEBHOOK_CONNECT_S, WEBHOOK_SECONDS_MAX
from trueup_worker.webhooks.addresses import AddressPolicy
from trueup_worker.webhooks.network import AddressRefused, Resolver, connector, trusted
from trueup_worker.webhooks.url import Target

_GONE = 410
_ERROR_CHARS_MAX = 300
_READ_AHEAD = 16 * 1024  # of an answer that comes faster than it is read
_SENT = {"user-agent": "Trueup", "content-type": "application/json", "accept-encoding": "identity"}


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
    """Connections to endpoints: closed when it is left.

    Args:
        policy: where they may go.
        proxy: URL of the one that all but loopback goes through; None: there is none.
        seconds_max: that an attempt may take.
        resolver: asked for the addresses of names.
        context: what certificates are checked against.
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
        self._policy, self._seconds_max = policy, seconds_max
        self._proxy, self._proxy_headers = _taken_apart(proxy)
        self._resolver = resolver or Resolver()
        self._context = context or trusted()

    async def __aenter__(self) -> Self:
        judged = [self._connector(is_encrypted=each) for each in (False, True)]
        if self._proxy is not None:  # it alone is connected to, wherever it is
            judged[True] = TCPConnector(ssl=self._context, limit=0)
        self._plain, self._encrypted = map(self._session, judged)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._resolver.close()
        await self._plain.close()
        await self._encrypted.close()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Attempted:
        """Send a body, and wait for the beginning of the answer.

        Args:
            target: where to.
            headers: beside those that every request has.
            body: JSON.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds_max):
                status, answer = await self._ask(target, headers, body)
        except Exception as error:  # noqa: BLE001 - whatever the other side makes of it, the attempt has failed
            return Attempted(duration_s=time.monotonic() - began, error=self._told(error))
        refusal = None if 200 <= status < 300 else _refusal(status)
        return Attempted(duration_s=time.monotonic() - began, status=status, error=refusal, answer=answer)

    async def _ask(self, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        session = self._encrypted if target.is_encrypted else self._plain
        path, _, query = target.path.partition("?")
        url = URL.build(
            scheme="https" if target.is_encrypted else "http",
            host=target.host,
            port=target.port,
            path=path,
            query_string=query,
            encoded=True,
        )
        sent = {"host": target.authority, **_SENT, **headers}
        proxy = self._proxy if target.is_encrypted else None
        response = await session.post(
            url, data=body, headers=sent, allow_redirects=False, proxy=proxy, proxy_headers=self._proxy_headers
        )
        try:
            return response.status, await _beginning(response)
        finally:
            response.close() if not response.content.at_eof() else response.release()

    def _connector(self, *, is_encrypted: bool) -> TCPConnector:
        return connector(self._policy, self._resolver, self._context, is_encrypted=is_encrypted)

    def _session(self, network: TCPConnector) -> ClientSession:
        return ClientSession(
            connector=network,
            timeout=ClientTimeout(total=None, connect=WEBHOOK_CONNECT_S),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            trust_env=False,
        )

    def _told(self, error: Exception) -> str:
        """Reason why there was no answer, in words for whoever runs the endpoint: nothing about this side's network."""
        cause = error.__cause__ or getattr(error, "os_error", None)
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, ConnectionTimeoutError):
            said = f"no connection within {WEBHOOK_CONNECT_S:g} s"
        elif isinstance(error, TimeoutError):
            said = f"no answer within {self._seconds_max:g} s"
        elif isinstance(error, ClientHttpProxyError):
            said = f"the proxy that deliveries leave by answered {error.status}"
        elif isinstance(error, ClientConnectorError) and self._proxy and error.host == self._proxy.host:
            said = "the proxy that deliveries leave by cannot be reached"
        elif isinstance(cause, AddressRefused):
            said = str(cause)
        elif isinstance(error, ClientConnectorDNSError):
            said = f"the name cannot be resolved: {getattr(cause, 'strerror', None) or cause}"
        elif isinstance(error, ClientConnectorCertificateError):
            said = str(error.certificate_error)
        elif isinstance(error, ClientConnectionError):
            said = str(error) or "the connection was closed before the answer was complete"
        elif isinstance(error, ClientError):
            said = f"the answer is none: {error}"
        return said[:_ERROR_CHARS_MAX]


def _taken_apart(proxy: str | None) -> tuple[URL | None, dict[str, str]]:
    """URL of a proxy without its credentials, as errors name it; these as a header."""
    if proxy is None:
        return None, {}
    url = URL(proxy)
    if url.user is None:
        return url, {}
    return url.with_user(None), {hdrs.PROXY_AUTHORIZATION: encode_basic_auth(url.user, url.password or "")}


async def _beginning(response: ClientResponse) -> bytes:
    """The first bytes of the body; nothing more of it is read."""
    read = bytearray()
    while len(read) < WEBHOOK_ANSWER_BYTES:
        part = await response.content.read(WEBHOOK_ANSWER_BYTES - len(read))
        if not part:
            break
        read += part
    return bytes(read)


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed"
    return f"answered {status}"
