"""A bounded number of threads for what waits on the database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple, Unpack

from sqlalchemy.exc import SQLAlchemyError

from shared.store.errors import is_away
from worker.gateway.refusals import unavailable

A = TypeVarTuple("A")
T = TypeVar("T")


class Threads:
    """Runs what blocks; when all threads are taken, the next one waits its turn."""

    def __init__(self, count: int, *, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, unit: Callable[[Unpack[A]], T], *args: *A) -> T:
        """The result of a unit of work.

        Raises:
            Refusal: 503, when the database could not be asked.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, unit, *args)
        except SQLAlchemyError as error:
            if is_away(error):
                raise unavailable("the database") from error
            raise

    def close(self) -> None:
        """Ends the threads once they have nothing left to do."""
        self._pool.shutdown(wait=True, cancel_futures=True)
