"""A gateway in a process of its own, and the two ways to call it: raw, and through Metronome's SDK."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from metronome import Metronome

from tests.acceptance.processes import Fleet
from trueup_worker.local.servers.server import free_port

ARGV = ["trueup_worker.gateway"]
CREATE = "/v1/contracts/customerCommits/create"


@dataclass(frozen=True)
class Answer:
    """What a call was answered with."""

    status: int
    headers: httpx.Headers
    text: str

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    url: str
    token: str
    clients: ExitStack
    client: httpx.Client

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        """One raw call, never repeated; an empty token sends none."""
        given = self.token if token is None else token
        headers = {"authorization": f"Bearer {given}"} if given else {}
        more["headers"] = headers | more.get("headers", {})
        response = self.client.request(method, path, **more)
        return Answer(response.status_code, response.headers, response.text)

    def create(self, body: Any, *, path: str = CREATE, token: str | None = None, **headers: str) -> Answer:
        """A raw create: the body is JSON text, or what is made into it."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", path, token=token, content=text, headers={"content-type": "application/json", **named})

    def sdk(self, *, token: str | None = None, **more: Any) -> Metronome:
        """The SDK, which refuses answers of another shape than it knows."""
        given = {"bearer_token": token or self.token, "base_url": self.url, **more}
        return self.clients.enter_context(Metronome(**given, _strict_response_validation=True))


@contextmanager
def gateway(processes: Fleet, token: str, **environ: str) -> Iterator[Gateway]:
    """A gateway on a port of its own; stopped with the fleet."""
    port = str(free_port())
    processes._start(ARGV, {"TRUEUP_HTTP_PORT": port, **environ})
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as clients:
        yield Gateway(url, token, clients, clients.enter_context(httpx.Client(base_url=url, timeout=30)))
