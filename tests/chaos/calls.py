"""Callers over HTTP, who go on calling until they are told to stop."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from uuid import UUID

import httpx

from tests.chaos.load import CALLERS
from tests.chaos.waiting import wait_for
from tests.chaos.world import World

CREATE = "/v1/contracts/customerCommits/create"
ANSWER_SECONDS_MAX = 30.0
_CALLS_PER_CLIENT = 10  # on a connection that is kept; then on a new one
_PREFERENCES: tuple[dict[str, str], ...] = ({}, {"prefer": "respond-async"})  # the outcome; or the promise of one
_BEGIN_SECONDS_MAX = 30.0


@dataclass(slots=True)
class Calls:
    """What callers were answered.

    Attributes:
        statuses: how often each.
        errors: answers that are neither taken nor told to come later, and calls without an answer.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Calls that were answered with their outcome, or were promised one."""
        return self.statuses[200] + self.statuses[202]

    @property
    def pushed_back(self) -> int:
        """Calls that were told to come later."""
        return self.statuses[429]


@contextmanager
def calling(world: World, *, callers: int) -> Iterator[Calls]:
    """Callers, each with one call at a time, as long as this lasts; at first one call is answered well."""
    calls, over = Calls(), Event()
    with _client(world) as client:
        wait_for(lambda: _is_served(world, client, calls), what="a call to be served", seconds_max=_BEGIN_SECONDS_MAX)

    def go_on(preference: dict[str, str]) -> None:
        while not over.is_set():
            with _client(world) as client:
                for _ in range(_CALLS_PER_CLIENT):
                    if not over.is_set():
                        _call(world, client, calls, preference)

    with ThreadPoolExecutor(callers) as threads:
        running = [threads.submit(go_on, _PREFERENCES[number % 2]) for number in range(callers)]
        try:
            yield calls
        finally:
            over.set()
    for each in running:
        each.result()


def _client(world: World) -> httpx.Client:
    headers = {"authorization": f"Bearer {world.accounts[CALLERS].token}", "content-type": "application/json"}
    return httpx.Client(base_url=world.http_url, headers=headers, timeout=ANSWER_SECONDS_MAX)


def _is_served(world: World, client: httpx.Client, calls: Calls) -> bool:
    """What came before may have left a gateway that starts, or believes a service to be away, for a moment."""
    try:
        if client.get("/readyz").status_code != 200:
            return False
    except httpx.TransportError:
        return False
    _call(world, client, calls, {})
    calls.errors.clear()
    return calls.taken > 0


def _call(world: World, client: httpx.Client, calls: Calls, preference: dict[str, str]) -> None:
    planned = world.book.call()
    try:
        answer = client.post(CREATE, content=planned.text, headers=preference)
    except httpx.HTTPError as error:
        calls.errors.append(f"{type(error).__name__}: {error}")
        return
    calls.statuses[answer.status_code] += 1
    if answer.status_code in (200, 202):
        world.book.taken(planned, UUID(answer.json()["data"]["id"]))
    elif answer.status_code != 429:
        calls.errors.append(f"{answer.status_code} {answer.text[:300]}")
