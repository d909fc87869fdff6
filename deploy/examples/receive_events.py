"""A receiver of webhooks: checks each delivery, and prints the object of each commit unless it knows a later one."""
# ruff: noqa: INP001

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

BYTES_MAX = 256 * 1024
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
known: dict[str, int] = {}  # in your database: the place at which each object was read


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once a delivery is kept; what is answered otherwise comes again."""

    def do_POST(self) -> None:
        """Check and keep a delivery."""
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size) if size <= BYTES_MAX else b""
        try:
            event = webhook.verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            self.answer(400)
            return
        keep(event)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def keep(event: dict[str, Any]) -> None:
    """Keep an object, unless a later state of it is known: retries may arrive late, and an event twice."""
    data = event["data"]
    if event["as_of"] <= known.get(data["id"], -1):
        return
    known[data["id"]] = event["as_of"]
    told = data.get("object")  # left out where it is too long: ask for it by its id
    sys.stdout.write(f"{event['type']} {told['uniqueness_key'] if told else data['id']}\n")
    sys.stdout.flush()


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
