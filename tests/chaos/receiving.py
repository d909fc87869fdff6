"""The application that the receiver's process runs, which keeps a copy: `python -m tests.chaos.receiving FOLDER`.

It knows nothing but what webhooks tell it, and keeps it as the guide says: each delivery once, by its `webhook-id`, and
of each object what the highest `as_of` told. What it answered well stands in SQLite, and survives its own SIGKILL.
"""

import json
import random
import select
import sqlite3
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from trueup.readiness import announce_ready

LOOPBACK = "127.0.0.1"
POLL_S = 0.05
REFUSED = 0.5  # of what comes, in a mood
_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS delivery (id TEXT PRIMARY KEY, account TEXT, times INTEGER);
    CREATE TABLE IF NOT EXISTS object (
        account TEXT, kind TEXT, id TEXT, as_of INTEGER, body TEXT, PRIMARY KEY (account, kind, id));
"""
_ONCE = """
    INSERT INTO delivery VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1 RETURNING times
"""
_LATEST = """
    INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, kind, id)
        DO UPDATE SET as_of = excluded.as_of, body = excluded.body WHERE excluded.as_of > object.as_of
"""


class Folder:
    """What the application and its tests share: files of the folder `receiver`.

    Attributes:
        copy: the application's database.
        port: its port, chosen by its first process and kept by the later ones.
        secrets: of its webhooks, by account.
    """

    def __init__(self, folder: Path) -> None:
        place = folder / "receiver"
        place.mkdir(exist_ok=True)
        self.copy, self.port, self.secrets = place / "copy.sqlite", place / "port", place / "secrets.json"
        self._behaviour = place / "behaviour"

    @property
    def behaviour(self) -> str:
        """What it does with what comes: `well`, or one of `BEHAVIOURS`, or `away`: it does not even listen."""
        return self._behaviour.read_text() if self._behaviour.exists() else "well"

    @behaviour.setter
    def behaviour(self, chosen: str) -> None:
        staged = self._behaviour.with_suffix(".staged")
        staged.write_text(chosen)
        staged.rename(self._behaviour)


class Copy:
    """The objects of all accounts, as far as webhooks told of them."""

    def __init__(self, file: Path) -> None:
        self._database, self._lock = sqlite3.connect(file, check_same_thread=False), Lock()
        self._database.executescript(_TABLES)

    def keep(self, account: str, delivery_id: str, body: str) -> None:
        """Keep an object, unless a later state of it is known or the delivery was kept before: all or nothing."""
        with self._lock, self._database:
            [(times,)] = self._database.execute(_ONCE, (delivery_id, account)).fetchall()
            if times == 1:
                event = json.loads(body)
                named = (account, kind_of(event["type"]), event["data"]["id"])
                self._database.execute(_LATEST, (*named, event["as_of"], body))


def kind_of(event_type: str) -> str:
    """The kind of thing that an event of this type is about: a request has the id of the commit that it may make."""
    noun, _, verb = event_type.partition(".")
    return "request" if verb in ("rejected", "parked") else noun


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once a delivery is kept; the path is the account's name."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    folder: Folder
    copy: Copy

    def do_POST(self) -> None:
        """Check a delivery, and do with it as the behaviour of the moment has it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        account = self.path.removeprefix("/")
        secrets: dict[str, str] = json.loads(self.folder.secrets.read_text())
        try:
            Webhook(secrets[account]).verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            self.answer(400)
            return

        def keep() -> None:
            self.copy.keep(account, self.headers["webhook-id"], body.decode())

        BEHAVIOURS.get(self.folder.behaviour, _well)(self, keep)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def wait_until_given_up(self) -> None:
        """Until the other side has closed the connection."""
        while not select.select([self.connection], [], [], 1)[0] or self.connection.recv(1):
            pass

    def log_message(self, *_: object) -> None:
        """Nothing."""


Behaviour = Callable[[Receiver, Callable[[], None]], None]


def _well(here: Receiver, keep: Callable[[], None]) -> None:
    keep()
    here.answer(204)


def _refuse(here: Receiver, _: Callable[[], None]) -> None:
    here.answer(500)


def _refuse_some(here: Receiver, keep: Callable[[], None]) -> None:
    """Some are refused, of which some were kept all the same."""
    if random.random() < REFUSED:
        if random.random() < 0.5:
            keep()
        here.answer(503)
    else:
        _well(here, keep)


def _hang(here: Receiver, _: Callable[[], None]) -> None:
    here.wait_until_given_up()
    here.close_connection = True


def _answer_late(here: Receiver, keep: Callable[[], None]) -> None:
    """204, when nobody waits for it any more."""
    keep()
    here.wait_until_given_up()
    here.close_connection = True
    here.answer(204)


BEHAVIOURS: dict[str, Behaviour] = {
    "refuses": _refuse,
    "refuses some": _refuse_some,
    "hangs": _hang,
    "is late": _answer_late,
}


def main(path: Path, *, receiver: type[Receiver] = Receiver, copy: type[Copy] = Copy) -> None:
    """Receive until it is killed."""
    receiver.folder = folder = Folder(path)
    receiver.copy = copy(folder.copy)
    announce_ready()
    while True:
        _wait_while(lambda: folder.behaviour == "away")
        with Server((LOOPBACK, _port(folder)), receiver) as server:
            if not folder.port.exists():
                folder.port.write_text(str(server.server_port))
            Thread(target=server.serve_forever, daemon=True).start()
            _wait_while(lambda: folder.behaviour != "away")
            server.shutdown()


class Server(ThreadingHTTPServer):
    """One that leaves what it has in hand when it goes."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Nothing: whoever hung up comes again."""


def _port(folder: Folder) -> int:
    return int(folder.port.read_text()) if folder.port.exists() else 0


def _wait_while(holds: Callable[[], bool]) -> None:
    while holds():
        time.sleep(POLL_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
