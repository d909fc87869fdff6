"""A receiver of webhooks on this host, for development: checks, prints, and sends on."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from standardwebhooks import Webhook, WebhookVerificationError

from trueup.limits import WEBHOOK_BODY_BYTES_MAX, WEBHOOK_SECONDS_MAX
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.output import emit, say

_SENT_ON = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
_opener = build_opener(ProxyHandler({}))


class Receiver(ThreadingHTTPServer):
    """Server that prints what it is sent, if its signature is good.

    Attributes:
        secret: that signs.
        forward: URL that each delivery is sent on to; None: nowhere.
    """

    daemon_threads = True

    def __init__(self, port: int, secret: str, forward: str | None) -> None:
        self.secret, self.forward = secret, forward
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """URL that it listens on."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


@contextmanager
def receive(secret: str, *, port: int, forward: str | None) -> Iterator[Receiver]:
    """A receiver as long as this lasts.

    Raises:
        CommandError: the port is taken, or the URL to send on to is none.
    """
    if forward is not None and not forward.startswith(("http://", "https://")):
        raise CommandError(f"--forward {forward}: a URL begins with http:// or https://")
    try:
        server = Receiver(port, secret, forward)
    except OSError as error:
        raise CommandError(f"--port {port}: {error.strerror}") from None
    with server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size) if size <= WEBHOOK_BODY_BYTES_MAX else b""
        try:
            Webhook(self.server.secret).verify(body, dict(self.headers.items()), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            say(f"refused: {error}")
            self._answer(400)
            return
        emit(body + b"\n")
        self._answer(200 if self.server.forward is None else self._sent_on(self.server.forward, body))

    def log_message(self, *_: object) -> None:
        """Say nothing: what came is printed."""

    def _sent_on(self, url: str, body: bytes) -> int:
        """The status that it was answered with there."""
        headers = {name: self.headers[name] for name in _SENT_ON if name in self.headers}
        try:
            with _opener.open(Request(url, body, headers), timeout=WEBHOOK_SECONDS_MAX) as answer:  # noqa: S310
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except (OSError, HTTPException) as error:
            say(f"{url} does not answer: {error}")
            return 502

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()
