"""Answering many who ask the same at once: it is sought once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """One answer for all who ask while it is sought: whoever asks often costs no more than one.

    Args:
        seek: finds the answer.
    """

    def __init__(self, seek: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._seek = seek
        self._seeking: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The answer; raises what seeking it raises."""
        if self._seeking is None or self._seeking.done():
            self._seeking = asyncio.get_running_loop().create_task(self._seek())
        return await asyncio.shield(self._seeking)
