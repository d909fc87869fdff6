"""Kombu's Redis transport, where a message would end a worker or be lost.

Kombu decodes what lies on the list, and takes it apart, before anybody can say no; it acknowledges by a tag that the
sender chose, and brings what a dead worker held back to where the sender said. Here the element is judged first, has a
tag of ours, and comes back as it was to where it was.

A message that cannot be acknowledged, because the broker is away at that moment, keeps its place among those that may
be fetched ahead. With one such place the worker never fetches again, so it never notices that its connection is gone.

A broker whose memory is full refuses what adds anything, and lets messages be taken: they are worked off without being
held there, for as long as that lasts, or nothing would make room. If a worker dies then, whoever sent them sends again.

When a message was taken is told by the broker's clock: after a death it would come back when the dead worker's host was
right, an hour late where that was an hour ahead, and at once, though its worker lives, where it was behind.

Taking a message and acknowledging it costs two transactions, 80 µs each by way of kombu's pipelines, 32 without.
"""

import hashlib
import math
import time
from contextlib import suppress
from functools import cached_property
from queue import Empty
from typing import Any

import msgspec
import structlog
from kombu.transport import redis, virtual
from redis import RedisError, ResponseError
from redis.exceptions import OutOfMemoryError

from trueup.limits import NOTED_S
from trueup.redis.connection import Command, RedisConnection
from trueup.wire.message.names import QUEUES
from trueup_worker.celery.element import payload_of
from trueup_worker.celery.parking import keep
from trueup_worker.celery.refusal import Refused

_STRAY_QUEUE = QUEUES[0]  # what comes back from nowhere is parked by whoever takes it from here
_CLOCK_S = 60.0  # for so long the difference to the broker's clock is taken for known
log = structlog.get_logger()
_held = msgspec.json.Decoder(tuple[msgspec.Raw, str | None, str])


class QoS(redis.QoS):
    """Holds what was taken, by its element; notes it by its content until it is acknowledged or given back.

    It frees a message's place whatever comes: the message itself stays with the broker, which delivers it again.
    """

    _ahead_s = 0.0
    _ask_clock_at_s = -math.inf

    @cached_property
    def _redis(self) -> RedisConnection:
        with self.channel.conn_or_acquire() as client:
            return RedisConnection(client.connection_pool)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note that a message was taken, and tell how often it was.

        What the broker will not hold, because it is full or away at that moment, is in nobody's hands but ours: it is
        worked on nevertheless.
        """
        queue, raw = message.delivery_info["routing_key"], message._raw  # noqa: SLF001 - as kombu does
        message.note = f"trueup:taken:{hashlib.sha256(raw['body']).hexdigest()}"
        message.deliveries, message.is_count_its_own, message.is_held = 1, True, True
        try:
            *_, message.deliveries, _ = self._transact(
                ("ZADD", self.unacked_index_key, self._broker_time(), delivery_tag),
                ("HSET", self.unacked_key, delivery_tag, b'[%b,"","%b"]' % (raw["element"], queue.encode())),
                ("INCR", message.note),
                ("EXPIRE", message.note, NOTED_S),
            )
        except RedisError as error:
            message.is_held = False
            log.warning("message taken and not held", action="message_not_held", error=str(error)[:500])
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        try:
            self._transact(
                ("ZREM", self.unacked_index_key, delivery_tag),
                ("HDEL", self.unacked_key, delivery_tag),
                ("DEL", self._delivered[delivery_tag].note),
            )
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 (kombu's signature)
        """Give a message back, or drop it: either way its worker lives."""
        message = self._delivered[delivery_tag]
        try:
            self._redis.ask(("DEL", message.note))
            if requeue and not message.is_held:
                queue, element = message.delivery_info["routing_key"], message._raw["element"]  # noqa: SLF001
                self._redis.ask(("LPUSH", queue, element))
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def restore_unacked(self, client: Any = None) -> None:
        """Give back all that is held, as a worker does that is told to stop."""
        if self._delivered:
            self._redis.ask(("DEL", *(message.note for message in self._delivered.values())))
        super().restore_unacked(client)  # type: ignore[no-untyped-call]

    def restore_visible(self, start: int = 0, num: int | None = 10, interval: int = 10) -> None:
        """Bring back some of what was taken too long ago, or all of it; one worker at a time, every so many calls."""
        self._vrestore_count += 1
        if (self._vrestore_count - 1) % (interval or 1):
            return
        with (
            self.channel.conn_or_acquire() as client,
            suppress(redis.MutexHeld, OutOfMemoryError),
            redis.Mutex(client, self.unacked_mutex_key, self.unacked_mutex_expire),
        ):
            due = (self.unacked_index_key, self._broker_time() - self.visibility_timeout, 0)
            for tag in client.zrange(*due, desc=True, byscore=True, offset=num and start, num=num):
                self.restore_by_tag(tag, client)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:  # noqa: FBT001, FBT002
        """Put a message back as it was; what is none is put where it is parked."""

        def move(pipe: Any) -> None:
            held = pipe.hget(self.unacked_key, tag)
            pipe.multi()
            self._remove_from_indices(tag, pipe)  # type: ignore[no-untyped-call]
            if held:
                queue, element = _put_back(held)
                (pipe.lpush if leftmost else pipe.rpush)(queue, element)

        with self.channel.conn_or_acquire(client) as connection:
            connection.transaction(move, self.unacked_key)

    def _broker_time(self) -> float:
        """Time of the broker's clock."""
        now_s = time.monotonic()
        if now_s >= self._ask_clock_at_s:
            [(seconds, microseconds)] = self._redis.ask(("TIME",))
            self._ahead_s = int(seconds) + int(microseconds) / 1_000_000 - now_s
            self._ask_clock_at_s = now_s + _CLOCK_S
        return now_s + self._ahead_s

    def _transact(self, *commands: Command) -> list[Any]:
        *_, done = self._redis.ask(("MULTI",), *commands, ("EXEC",))
        for reply in done:
            if isinstance(reply, ResponseError):
                raise reply
        return list(done)


def _put_back(held: bytes) -> tuple[str, bytes]:
    """Queue that a held message came from, and its element."""
    try:
        element, _, queue = _held.decode(held)
    except (ValueError, RecursionError):
        return _STRAY_QUEUE, held
    return queue if queue in QUEUES else _STRAY_QUEUE, bytes(element)


def _read_next(channel: Any, **options: Any) -> bool:
    """Read the reply to BRPOP, as kombu does, but for what becomes of the element."""
    try:
        try:
            found = channel.client.parse_response(channel.client.connection, "BRPOP", **options)
        except channel.connection_errors:
            channel.client.connection.disconnect()
            raise
        if not found:
            raise Empty
        key, element = found
        queue = key.decode().rsplit(channel.sep, 1)[0]
        channel._queue_cycle.rotate(queue)  # noqa: SLF001 - in place of a method of the channel
        _deliver(channel, element, queue=queue)
        return True
    finally:
        channel._in_poll = None  # noqa: SLF001
        channel._flush_brpop_reauth()  # noqa: SLF001


def _deliver(channel: Any, element: bytes, *, queue: str) -> None:
    try:
        payload = payload_of(element, queue=queue)
    except Refused as refused:
        if not keep(refused.beginning or element, reason=refused.reason, detail=str(refused)):
            with channel.conn_or_acquire() as client:
                client.lpush(queue, element)
    else:
        channel.connection._deliver(payload, queue)  # noqa: SLF001


def _bind(channel: Any, *given: Any) -> None:
    """Note where messages of an exchange go, which nobody asks for who works them off."""
    with suppress(OutOfMemoryError):
        _queue_bind(channel, *given)  # type: ignore[no-untyped-call]


_queue_bind = redis.Channel._queue_bind  # noqa: SLF001


def change_transport() -> None:
    """Make every channel of this process judge what it reads, and fetch on whatever comes."""
    redis.Channel._queue_bind = _bind  # type: ignore[method-assign]  # noqa: SLF001
    redis.Channel.QoS = QoS
    redis.Channel._brpop_read = _read_next  # type: ignore[method-assign,assignment]  # noqa: SLF001
