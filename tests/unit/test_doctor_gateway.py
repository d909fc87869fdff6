"""What `trueup doctor` makes of what a gateway says about itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trueup_worker.cli.stack import checks


@contextmanager
def saying(status: int, ready: dict[str, bool]) -> Iterator[str]:
    """A gateway that answers so; gives its URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"checks": ready}).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def told(url: str) -> checks.Check:
    """What is told of it."""
    here = cast("Any", SimpleNamespace(state=SimpleNamespace(http=url)))
    [check] = checks._gateway(here)
    return check


def test_a_gateway_that_is_ready() -> None:
    """Nothing is to be done."""
    with saying(200, {"database": True}) as url:
        assert told(url).ok


def test_a_gateway_that_is_not() -> None:
    """It is told which of its checks do not hold, and what to do."""
    with saying(503, {"database": True, "workers": False, "calls_answered": False}) as url:
        check = told(url)
    assert check.found.endswith("workers, calls_answered")
    assert "restart the gateway" in check.advice


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is told before it is full."""
    here = cast("Any", SimpleNamespace(state=object(), folder=SimpleNamespace(log=tmp_path, path=tmp_path)))
    free = {"many": 10**12, "few": 10**6}
    for amount, size in free.items():
        monkeypatch.setattr(checks.shutil, "disk_usage", lambda _, size=size: SimpleNamespace(free=size))
        [check] = checks._disk(here)
        assert check.ok == (amount == "many")
