"""The client for event loops.

    async with AsyncCommitProducer(broker_url=…, token="tu_…", account="acme", database_url=…) as producer:
        request_id = await producer.submit({"customer_id": …, "type": "PREPAID", …})
        outcomes = await producer.wait([request_id], timeout_s=30)

What it promises is what `CommitProducer` promises, as both are made of the same parts. What waits for a broker or a
database does so in a few threads: one that sends, so that what is submitted meanwhile travels together, and some that
read. What waits for room on the queue, or for an outcome, waits in the loop and holds no thread.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cached_property, partial
from typing import ClassVar, ParamSpec, Self, TypeVar
from uuid import UUID

from trueup.ids import new_id
from trueup.producer.base import ProducerBase
from trueup.producer.bodies import RequestBody, request_of, requests_of
from trueup.producer.outcomes.async_hints import OutcomeHints
from trueup.producer.outcomes.wait import OutcomeWait
from trueup.producer.publish import QueueFull
from trueup.wire.message.envelope import CommitKind, Kind, QueuedRequest
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.queues import COMMITS
from trueup.wire.outcome import Outcome

_READERS = 3  # with the thread that sends, as many as the engine has connections
_ROOM_POLL_S_MIN, _ROOM_POLL_S_MAX = 0.01, 0.5
P = ParamSpec("P")
T = TypeVar("T")


class AsyncCommitProducer(ProducerBase):
    """Submits commit and credit requests from an event loop; its arguments are `ProducerBase`'s.

    A call that is cancelled (by a time-out, a client that hangs up) leaves the others alone. Its own request is not
    sent unless sending it had begun: give `submit` an id, and submit it again under that.
    """

    route = COMMITS
    _room_wait_in_thread_s: ClassVar[float | None] = 0
    _sending: asyncio.Future[None] | None = None
    _is_closed = False

    async def submit(
        self,
        body: RequestBody,
        *,
        kind: CommitKind = "commit",
        idempotency_key: str | None = None,
        id: UUID | None = None,  # noqa: A002
        anew: bool = False,
    ) -> UUID:
        """Send one request, together with those that are submitted meanwhile; arguments as `CommitProducer.submit`.

        Returns:
            The request's id, which will be the commit's.

        Raises:
            InvalidRequest, QueueFull, BrokerUnavailable, DatabaseUnavailable: as there.
            RuntimeError: the producer is closed.
        """
        request_id = id or new_id()
        request = request_of(
            body, request_id=request_id, kind=kind, idempotency_key=idempotency_key, validate=self._validate
        )
        anew_before = await self._reading(self._instant) if anew else None
        await self._with_room(partial(self._coalesce, request, anew_before), wait_s=self._room_wait_s)
        self._undecided.add([request], anew_before=anew_before)
        return request_id

    async def submit_many(
        self,
        bodies: Iterable[RequestBody],
        *,
        kind: CommitKind = "commit",
        ids: Iterable[UUID] | None = None,
        anew: bool = False,
    ) -> list[UUID]:
        """Send requests in as few messages as they fit in; arguments as `CommitProducer.submit_many`.

        Returns:
            Their ids, in order.

        Raises:
            ValueError, InvalidRequest, QueueFull, BrokerUnavailable, DatabaseUnavailable: as there.
            RuntimeError: the producer is closed.
        """
        requests, packs = await self._reading(self._packed, list(bodies), kind, None if ids is None else list(ids))
        anew_before = await self._reading(self._instant) if anew else None
        for packed in packs:
            await self._send_packed(packed, anew_before, wait_s=self._room_wait_s)
        self._undecided.add(requests, anew_before=anew_before)
        return [UUID(each.id) for each in requests]

    async def outcome(self, id: UUID) -> Outcome | None:  # noqa: A002
        """Outcome of a request; None while it has none.

        Raises:
            DatabaseUnavailable: the database did not answer, or none was named.
            RuntimeError: the producer is closed.
        """
        return (await self._reading(self._read, [id])).get(id)

    async def wait(self, ids: Iterable[UUID], *, timeout_s: float) -> dict[UUID, Outcome]:
        """Wait until every request has an outcome, or the time is over; sends again what got lost.

        Returns:
            The outcomes by id; what is undecided is not in it.

        Raises:
            DatabaseUnavailable, BrokerUnavailable: as of `CommitProducer.wait`.
            RuntimeError: the producer is closed.
        """
        wait = self._wait_for(ids, timeout_s)
        async with self._hints.of(wait.pending) as news:
            while not wait.is_over(await self._reading(self._read_until, wait.deadline_s, wait.pending)):
                if wait.is_overdue():
                    await self._send_again(wait)
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), wait.next_pause_s())
                news.clear()
        return wait.outcomes

    async def aclose(self) -> None:
        """Close the connections, once what is being sent was sent or failed; whoever waits still gets an error."""
        self._is_closed = True
        await self._hints.aclose()
        await asyncio.to_thread(self._shut_down)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _coalesce(self, request: QueuedRequest, anew_before: datetime | None) -> None:
        """Whoever finds the sending thread idle lets it send all that wait; the others find their request sent."""
        sent = self._coalescer.add(request, anew_before)
        try:
            while not sent.done():
                await asyncio.shield(self._batch())
            sent.result()
        finally:
            sent.cancel()

    def _batch(self) -> asyncio.Future[None]:
        """The requests that are being sent, or else all that wait."""
        if self._sending is None or self._sending.done():
            self._require_open()
            self._sending = asyncio.wrap_future(self._sender.submit(self._coalescer.send_waiting))
        return self._sending

    async def _send_packed(self, packed: Pack, anew_before: datetime | None, *, wait_s: float | None) -> None:
        send = partial(self._send, packed, queue=self.route.bulk, anew_before=anew_before)
        await self._with_room(partial(self._in_thread, self._sender, send), wait_s=wait_s)

    async def _send_again(self, wait: OutcomeWait) -> None:
        """Send what is pending and not kept; while the queue is full, or the time is over, there is no need to."""
        with suppress(QueueFull, TimeoutError):
            async with asyncio.timeout(wait.left_s):
                for packed, anew_before in await self._reading(lambda: list(self._undecided_packs(wait.pending))):
                    await self._send_packed(packed, anew_before, wait_s=wait.left_s)

    async def _with_room(self, send: Callable[[], Awaitable[None]], *, wait_s: float | None) -> None:
        deadline_s = None if wait_s is None else time.monotonic() + wait_s
        pause_s = _ROOM_POLL_S_MIN
        while True:
            try:
                return await send()
            except QueueFull:
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _ROOM_POLL_S_MAX)

    async def _reading(self, read: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await self._in_thread(self._readers, read, *args, **named)

    async def _in_thread(
        self, threads: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T:
        self._require_open()
        return await asyncio.wrap_future(threads.submit(work, *args, **named))

    def _packed(
        self, bodies: list[RequestBody], kind: Kind, ids: list[UUID] | None
    ) -> tuple[list[QueuedRequest], list[Pack]]:
        requests = requests_of(bodies, kind=kind, ids=ids, validate=self._validate)
        return requests, list(pack(requests))

    def _require_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("the producer is closed")

    def _shut_down(self) -> None:
        for threads in (self._sender, self._readers):
            threads.shutdown()
        self._close_connections()

    @cached_property
    def _sender(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "trueup-sender")

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_READERS, "trueup-reader")

    @cached_property
    def _hints(self) -> OutcomeHints:
        return OutcomeHints(self._redis_url, account=self._account)
