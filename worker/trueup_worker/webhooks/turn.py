"""A worker's turn: what is due is sent, many deliveries at once, until nothing is or the turn is over."""

import asyncio
import gc
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

import structlog
from cryptography.fernet import InvalidToken
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.clock import utc_now
from trueup.limits import WEBHOOK_LEASE_S, WEBHOOK_LOOK_S, WEBHOOK_RECORD_S, WEBHOOK_SECONDS_MAX, WEBHOOK_TURN_S
from trueup.store.accounts.secret_key import vault
from trueup.store.postgres.engine import snapshot, transaction
from trueup.store.webhooks.claims import (
    Claimed,
    Destination,
    Ready,
    Settled,
    destinations,
    endpoints_ready,
    find_due,
    release,
    take,
)
from trueup.store.webhooks.expansion import Which
from trueup_worker.observability import metrics
from trueup_worker.webhooks.addresses import AddressPolicy
from trueup_worker.webhooks.bodies import Objects, ReadObjects, bodies_of
from trueup_worker.webhooks.feed_order import FeedOrder
from trueup_worker.webhooks.outcome import record, settled
from trueup_worker.webhooks.room import Flight, Room
from trueup_worker.webhooks.sender import Attempted, Sender
from trueup_worker.webhooks.signature import signed_headers
from trueup_worker.webhooks.spare_time import SpareTime
from trueup_worker.webhooks.url import Target, WrongUrl, target_of

_FAILURES_MAX = 10  # of the database in a row, a second apart
_GARBAGE_MAX = 20_000  # the collector is off in a worker: it looks at what lives once so much was made
_STOPPING_S = 3.0  # for which a worker that is told to stop waits for attempts

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Means of a turn.

    Attributes:
        on: the database.
        policy: where deliveries may go.
        read_objects: reads what events are about, as they are at one moment.
        waits: of the schedule of retries.
        secret_key: opens the endpoints' secrets.
        is_stopping: tells whether the worker is told to stop.
    """

    on: Engine
    policy: AddressPolicy
    read_objects: ReadObjects
    waits: Sequence[timedelta]
    secret_key: str
    is_stopping: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class _Prepared:
    """Delivery that was claimed, with its body; `until`: when its lease leaves no time for an attempt."""

    delivery: Claimed
    body: bytes
    until: float


@dataclass(slots=True)
class _Progress:
    queued: defaultdict[Which, deque[_Prepared]] = field(default_factory=lambda: defaultdict(deque))
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    ended: list[Settled] = field(default_factory=list)
    late: list[Claimed] = field(default_factory=list)
    first: Counter[Which] = field(default_factory=Counter)
    sent: int = 0

    def note(self, taken: Iterable[Claimed] = (), *, done: Iterable[Claimed] = ()) -> None:
        """Keep count of first attempts that this worker has taken, and is not done with."""
        self.first.update(each.which for each in taken if each.attempts == 1)
        self.first.subtract(each.which for each in done if each.attempts == 1)
        self.first = +self.first


async def deliver(means: Means, sender: Sender, *, seconds_max: float = WEBHOOK_TURN_S) -> int:
    """Send what is due until nothing is, or the turn is over; returns how many attempts were made.

    Raises:
        SQLAlchemyError: the database is away for longer; what was claimed is due again after its lease.
    """
    return await _Turn(means, sender, seconds_max).run()


class _Turn:
    def __init__(self, means: Means, sender: Sender, seconds_max: float) -> None:
        self._means, self._sender, self._seconds_max = means, sender, seconds_max
        self._room, self._now, self._order = Room(), _Progress(), FeedOrder(means.on)
        self._objects = Objects(means.read_objects)
        self._database = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._wake = asyncio.Event()
        self._compared_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._spare = SpareTime(self._loop.time())

    async def run(self) -> int:
        began, failures = self._loop.time(), 0
        try:
            while not self._means.is_stopping():
                is_closing = self._loop.time() > began + self._seconds_max
                try:
                    moved = await self._step(is_closing=is_closing)
                    failures = 0
                except SQLAlchemyError as error:
                    failures += 1
                    if failures == _FAILURES_MAX:
                        raise
                    log.warning("deliveries wait for the database", action="deliveries_wait", error=str(error)[:300])
                    await asyncio.sleep(1)
                    continue
                if not moved and not self._now.tasks and not self._now.ended and not any(self._now.queued.values()):
                    break
                await self._rest()
        finally:
            await self._stop()
            self._database.shutdown(wait=False)
        return self._now.sent

    async def _step(self, *, is_closing: bool) -> bool:
        """Record what ended, claim what is due, begin what may; tells whether anything was claimed or expanded."""
        self._room.age(self._loop.time())
        await self._record()
        ends = is_closing and not self._room.slow_attempts
        moved = False if ends else await self._look(quick_only=is_closing)
        await self._give_back()
        self._begin()
        if gc.get_count()[0] > _GARBAGE_MAX:
            gc.collect()
        return moved

    async def _rest(self) -> None:
        """Wait until an attempt has ended, and a moment longer, so that what ends together is recorded together."""
        self._wake.clear()
        try:
            async with asyncio.timeout(WEBHOOK_LOOK_S):
                await self._wake.wait()
            await asyncio.sleep(WEBHOOK_RECORD_S)
        except TimeoutError:
            pass

    async def _record(self) -> None:
        ended = self._now.ended[:]
        if ended:
            await self._in_thread(record, self._means.on, ended)
            self._now.note(done=[each.delivery for each in ended])
            del self._now.ended[: len(ended)]
            _count(ended)

    async def _look(self, *, quick_only: bool) -> bool:
        new_max = self._spare.deliveries(self._loop.time())
        if new_max == 0:
            return True
        expanded, ready = await self._in_thread(self._expand_and_find)
        queued = {which: len(those) for which, those in self._now.queued.items() if those}
        shares = self._room.shares(ready, queued, quick_only=quick_only, new_max=new_max)
        if not shares:
            return expanded
        until = self._loop.time() + WEBHOOK_LEASE_S - WEBHOOK_SECONDS_MAX - 5
        claimed = await self._in_thread(self._claim, shares)
        self._now.note(delivery for delivery, _ in claimed)
        self._spare.take(len(claimed))
        for delivery, body in claimed:
            self._now.queued[delivery.which].append(_Prepared(delivery, body, until))
        return expanded or bool(claimed)

    def _expand_and_find(self) -> tuple[bool, list[Ready]]:
        expanded = self._order.expand_some()
        with transaction(self._means.on) as connection:
            return expanded, endpoints_ready(connection)

    def _claim(self, shares: dict[Which, int]) -> list[tuple[Claimed, bytes]]:
        with transaction(self._means.on) as connection:
            due = find_due(connection, shares, self._now.first)
            new = [each for each in due if each.body is None]
            with snapshot(self._means.on) if new else nullcontext(connection) as reading:
                bodies = bodies_of(reading, new, self._objects)
                made = {(each.which, each.event_id): body for each, body in bodies}
            if due:
                take(connection, due, made)
        return [(each, each.body or made[each.which, each.event_id]) for each in due]

    async def _give_back(self) -> None:
        """Give back what has waited here for so long that another may take it soon, or goes elsewhere now."""
        for which in list(self._now.queued):
            self._drop_late(which)
        if self._now.queued and self._loop.time() > self._compared_at + WEBHOOK_LOOK_S:
            self._compared_at = self._loop.time()
            current = await self._in_thread(self._destinations, list(self._now.queued))
            for which, those in list(self._now.queued.items()):
                if any(each.delivery.destination != current.get(which) for each in those):
                    self._drop(which)
        late, self._now.late = self._now.late, []
        if late:
            await self._in_thread(self._release, late)
            self._now.note(done=late)

    def _drop_late(self, which: Which) -> None:
        those, now = self._now.queued[which], self._loop.time()
        while those and those[0].until < now:
            self._now.late.append(those.popleft().delivery)

    def _drop(self, which: Which) -> None:
        self._now.late += [each.delivery for each in self._now.queued.pop(which, ())]

    def _destinations(self, endpoints: Sequence[Which]) -> dict[Which, Destination]:
        with transaction(self._means.on) as connection:
            return destinations(connection, endpoints)

    def _release(self, claimed: Sequence[Claimed]) -> None:
        with transaction(self._means.on) as connection:
            release(connection, claimed)

    def _begin(self) -> None:
        for which, those in list(self._now.queued.items()):
            self._drop_late(which)
            while those and self._room.may_begin(which):
                flight = self._room.begin(which, self._loop.time())
                task = asyncio.create_task(self._attempt(those.popleft(), flight))
                self._now.tasks.add(task)
                task.add_done_callback(self._now.tasks.discard)
            if not those:
                del self._now.queued[which]

    async def _attempt(self, prepared: _Prepared, flight: Flight) -> None:
        delivery, at = prepared.delivery, utc_now()
        attempted = Attempted(duration_s=0, error="the worker was told to stop")
        try:
            attempted = await self._post(delivery, prepared.body)
        finally:
            self._room.end(flight, self._loop.time(), succeeded=attempted.error is None)
        self._now.ended.append(settled(delivery, attempted, self._means.waits, at=at))
        self._now.sent += 1
        if attempted.is_gone:
            self._drop(delivery.which)
        following = self._now.queued.get(delivery.which)
        if following and self._room.may_begin(delivery.which):
            self._begin()
        self._wake.set()

    async def _post(self, delivery: Claimed, body: bytes) -> Attempted:
        try:
            target = _target(delivery.url, self._means.policy)
            secret, *before = delivery.secrets
            signing = [_unsealed(self._means.secret_key, secret), *self._unsealed_of(before)]
        except WrongUrl as error:
            return Attempted(duration_s=0, error=str(error))
        except InvalidToken:
            return Attempted(duration_s=0, error="its secret is sealed under another secret key: rotate it")
        headers = signed_headers(delivery.event_id, body, signing=signing, at=utc_now())
        return await self._sender.post(target, headers, body)

    def _unsealed_of(self, before: Sequence[bytes]) -> Iterator[str]:
        """Secrets of before, but for those of a secret key that is gone."""
        for each in before:
            with suppress(InvalidToken):
                yield _unsealed(self._means.secret_key, each)

    async def _stop(self) -> None:
        """Wait a moment for what is being made, give the rest back."""
        if self._now.tasks:
            _, unfinished = await asyncio.wait(self._now.tasks, timeout=_STOPPING_S)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        unsent = self._now.late + [each.delivery for those in self._now.queued.values() for each in those]
        if self._now.ended:
            await self._in_thread(record, self._means.on, self._now.ended)
            _count(self._now.ended)
        if unsent:
            await self._in_thread(self._release, unsent)

    async def _in_thread(self, work: Callable[..., T], *given: object) -> T:
        return await self._loop.run_in_executor(self._database, work, *given)


def _count(ended: Sequence[Settled]) -> None:
    for each in ended:
        metrics.deliveries.of(each.state).inc()


@lru_cache(4_096)
def _target(url: str, policy: AddressPolicy) -> Target:
    return target_of(url, policy)


@lru_cache(4_096)
def _unsealed(secret_key: str, sealed: bytes) -> str:
    return vault(secret_key).decrypt(sealed).decode()
