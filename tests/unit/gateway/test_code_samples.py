"""Code samples send what the document describes, whichever language they are in."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.integration.intake import settings_of
from trueup_worker.gateway.app import make_app
from trueup_worker.gateway.docs.samples import ExampleCall, samples_of
from trueup_worker.gateway.docs.sdk_methods import SDK_METHODS

ROWS = b'{"customer_id": "a"}\n'


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of every call."""
    paths = make_app(settings_of()).openapi()["paths"].items()
    return [(method.upper(), path, each) for path, methods in paths for method, each in methods.items()]


class Recorder(ThreadingHTTPServer):
    """A server that says yes to everything, and remembers it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.calls: list[tuple[str, str, str | None, str | None, bytes]] = []

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def do_GET(self) -> None:
        told = self.headers
        chunked = told.get("transfer-encoding") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(int(told.get("content-length", 0)))
        content_type = told.get("content-type") if body else None
        self.server.calls.append((self.command, self.path, told.get("authorization"), content_type, body))
        answer = b'{"data": []}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (their names there)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        """Nothing."""


@contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder that answers."""
    with Recorder() as recorder:
        thread = Thread(target=recorder.serve_forever)
        thread.start()
        try:
            yield recorder
        finally:
            recorder.shutdown()
            thread.join()


def test_the_python_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call's sends its method, address, token and body by the SDK."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRUEUP_TOKEN", "a-token")
    Path("rows.jsonl").write_bytes(ROWS)
    with recording() as recorder:
        for method, path, operation in operations():
            call = ExampleCall.of(method, path, operation)
            _, python, _ = samples_of(call, url=recorder.url)
            exec(python["source"].replace('open("rows.jsonl", "rb")', repr(ROWS)), {})  # an open file warns
            sent = recorder.calls.pop()
            assert sent[:2] == (call.method, call.target)
            assert not call.needs_token or sent[2] == "Bearer a-token"
            assert sent[3] == call.media_type
            assert (sent[4] == ROWS) if call.body is None and call.media_type else (_json(sent[4]) == call.body)
        assert recorder.calls == []


def _json(body: bytes) -> Any:
    return json.loads(body) if body else None


def test_the_curl_samples() -> None:
    """Every call's has its method, address, token and body."""
    for method, path, operation in operations():
        call = ExampleCall.of(method, path, operation)
        words = shlex.split(operation["x-codeSamples"][0]["source"].replace("\\\n", ""))
        assert words[:4] == ["curl", "-sS", "-X", method]
        assert words[4].endswith(call.target)
        assert ("authorization: Bearer $TRUEUP_TOKEN" in words) == call.needs_token
        if call.body is not None:
            assert json.loads(words[words.index("-d") + 1]) == call.body


def test_the_sdk_has_these_methods() -> None:
    """Each is the SDK's for a call that is served."""
    assert SDK_METHODS.keys() <= {(method, path) for method, path, _ in operations()}
