"""A bounded number of threads for what waits on the database: no account holds all of them, no call waits for ever."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from typing import TypeVar, TypeVarTuple, Unpack
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError

from trueup.store.postgres.errors import is_away, is_locked
from trueup_worker.gateway.http.refusals import Refusal, unavailable
from trueup_worker.observability import metrics

A = TypeVarTuple("A")
T = TypeVar("T")

account_served: ContextVar[int | None] = ContextVar("account_served", default=None)


def _unanswered() -> Refusal:
    return unavailable("the database")


class Threads:
    """Runs what blocks; when all threads are taken, or all that one account may hold, the next one waits its turn.

    Args:
        count: how many threads; an account holds at most half of them, and its next unit queues up when one of its
            own has ended: so one that sends many waits behind itself.
        name: of the threads.
        wait_s: how long a unit is waited for, its turn included; None: as long as it takes.
        busy: what a call is told whose turn has not come by then.
    """

    def __init__(
        self, count: int, *, name: str, wait_s: float | None = None, busy: Callable[[], Refusal] = _unanswered
    ) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._waited = metrics.waited.of(name)
        self._share, self._wait_s, self._busy = max(1, count // 2), wait_s, busy
        self._places: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    async def run(
        self,
        unit: Callable[[Unpack[A]], T],
        *args: *A,
        late: Callable[[], Refusal] = _unanswered,
        waited_s: Callable[[], float] | None = None,
    ) -> T:
        """The result of a unit of work.

        Args:
            unit: what blocks.
            args: what it is given.
            late: what a call is told whose unit was begun and does not end; its thread stays taken until it does.
            waited_s: for how long the unit has been waiting for the database; else what counts is the whole of it.

        Raises:
            Refusal: 503, when the database could not be asked, or did not answer in time.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        def begin() -> T:
            self._waited.observe(loop.time() - began_s)
            return unit(*args)

        place = self._place()
        if place is not None:
            await self._take(place, is_bounded=waited_s is None)
        try:
            working = self._pool.submit(begin)
        except BaseException:  # no thread can be had
            if place is not None:
                place.release()
            raise
        if place is not None:
            # Not when the caller is answered: what nobody waits for any more holds a thread all the same.
            working.add_done_callback(lambda _: loop.call_soon_threadsafe(place.release))
        answer = asyncio.wrap_future(working)
        try:
            if await self._is_in_time(answer, waited_s or (lambda: loop.time() - began_s)):
                return answer.result()
        except SQLAlchemyError as error:
            if is_away(error) or is_locked(error):
                raise _unanswered() from error
            raise
        was_begun = not working.cancel()
        answer.cancel()
        raise late() if was_begun else self._busy()

    def close(self) -> None:
        """End the threads once they have nothing left to do."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _place(self) -> asyncio.Semaphore | None:
        """Bound of the account that is served; it lives while anybody holds it or waits for it."""
        account_id = account_served.get()
        if account_id is None:
            return None
        place = self._places.get(account_id)
        if place is None:
            place = self._places[account_id] = asyncio.Semaphore(self._share)
        return place

    async def _take(self, place: asyncio.Semaphore, *, is_bounded: bool) -> None:
        bound: AbstractAsyncContextManager[object] = asyncio.timeout(self._wait_s) if is_bounded else nullcontext()
        try:
            async with bound:
                await place.acquire()
        except TimeoutError:
            raise self._busy() from None

    async def _is_in_time(self, answer: "asyncio.Future[T]", waited_s: Callable[[], float]) -> bool:
        left_s = self._wait_s
        while not answer.done():
            if left_s is not None and left_s <= 0:
                return False
            await asyncio.wait([answer], timeout=left_s)
            left_s = None if self._wait_s is None else self._wait_s - waited_s()
        return True
