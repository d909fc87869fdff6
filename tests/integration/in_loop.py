"""`AsyncCommitProducer` with the blocking calls of `CommitProducer`, so that one test holds both to the same facts."""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from typing import Any, Self, TypeVar
from uuid import UUID

from trueup import AsyncCommitProducer, Outcome

T = TypeVar("T")


class InLoop:
    """A producer in an event loop of its own; arguments as of `AsyncCommitProducer`."""

    def __init__(self, **arguments: Any) -> None:
        self._producer = AsyncCommitProducer(**arguments)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._producer.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, *arguments: Any, **named: Any) -> UUID:
        """See `AsyncCommitProducer`; likewise the others."""
        return self._run(self._producer.submit(*arguments, **named))

    def submit_many(self, *arguments: Any, **named: Any) -> list[UUID]:
        """See there."""
        return self._run(self._producer.submit_many(*arguments, **named))

    def outcome(self, request_id: UUID) -> Outcome | None:
        """See there."""
        return self._run(self._producer.outcome(request_id))

    def wait(self, *arguments: Any, **named: Any) -> dict[UUID, Outcome]:
        """See there."""
        return self._run(self._producer.wait(*arguments, **named))

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()
