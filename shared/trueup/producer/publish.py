"""Publishing envelopes: one Celery message (protocol 2, JSON) each, for the task of its queue; signed and confirmed."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from trueup.broker.broker import BrokerLost, BrokerRefused, broker_address, open_broker
from trueup.clock import utc_now
from trueup.defaults import QUEUE_LIMIT
from trueup.errors import Unavailable
from trueup.producer.known_backlog import KnownBacklog
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_SINGLE
from trueup.wire.message.packing import Pack, write_meta
from trueup.wire.message.queues import task_on

RETRY_S = 30.0
_ROOM_POLL_S_MAX = 0.5


class BrokerUnavailable(Unavailable):
    """The broker did not take the message, not even after retries; whether it arrived is unknown: send it again."""


class QueueFull(Unavailable):
    """The backlog is at its limit: let the workers catch up, then send again."""

    code = "rate_limited"


class Publisher:
    """A sender of envelopes to one broker, on connections that are kept open and shared by threads.

    Args:
        broker_url: redis, rediss, sentinel, amqp or amqps: `trueup.broker.url`.
        account: on whose behalf envelopes are sent.
        signer: None leaves messages unsigned, for workers that do not ask for signatures.
        queue_limit: envelopes on a queue above which nothing more is put on it.
        room_wait_s: how long to wait for room then; None waits for ever, 0 does not wait.
        retry_s: how long a lost connection is tried again.
        clock: the present.

    Attributes:
        known: what is known of the backlogs, without asking.
    """

    def __init__(
        self,
        broker_url: str,
        *,
        account: str,
        signer: Signer | None,
        queue_limit: int = QUEUE_LIMIT,
        room_wait_s: float | None = None,
        retry_s: float = RETRY_S,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._account, self._signer, self._clock = account, signer, clock
        self._room_wait_s, self._retry_s = room_wait_s, retry_s
        self.known = KnownBacklog(queue_limit)
        self._address = broker_address(broker_url)
        self._broker = open_broker(broker_url)

    @property
    def keeps_what_it_takes(self) -> bool:
        """Tell whether what the broker took survives every single host: as of `Broker`."""
        return self._broker.keeps_what_it_takes

    def send(
        self,
        pack: Pack,
        *,
        queue: str = QUEUE_SINGLE,
        batch_id: UUID | None = None,
        anew_before: datetime | None = None,
        reply: bool = False,
    ) -> None:
        """Send one envelope of requests, as soon as there is room for it.

        Raises:
            QueueFull: there is no room on the queue, and there was none for `room_wait_s`.
            BrokerUnavailable: as `publish`.
        """
        self.wait_for_room(queue)
        self.publish(self.meta(batch_id=batch_id, anew_before=anew_before, reply=reply), pack.text, queue=queue)

    def meta(self, *, batch_id: UUID | None = None, anew_before: datetime | None = None, reply: bool = False) -> str:
        """The first argument of an envelope that is sent now."""
        return write_meta(self._account, sent_at=self._clock(), batch_id=batch_id, anew_before=anew_before, reply=reply)

    def publish(
        self,
        meta: str,
        requests: str,
        *,
        queue: str,
        signer: Signer | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        """Send one envelope and return when the broker has it; a retry sends the same bytes.

        Args:
            meta: the first argument, as text.
            requests: the second.
            queue: where to; it decides which task takes the envelope.
            signer: who vouches for it, where that is not the publisher's own signer.
            beside: headers that go with the signature, and that it says nothing of.

        Raises:
            BrokerUnavailable: the broker is down, or refused.
        """
        signer = signer or self._signer
        task = task_on(queue)
        signed = signer.headers(meta, requests, at=self._clock(), task=task) if signer else {}
        message = self._broker.message(task, [meta, requests], queue=queue, headers={**(beside or {}), **signed})
        self.known.note_put(queue, self._retrying(self._broker.put, message, queue=queue))

    def backlog(self, queue: str) -> int:
        """Number of messages that wait on a queue; 0 when there is no such queue yet.

        Raises:
            BrokerUnavailable: the broker is down.
        """
        waiting = int(self._retrying(self._broker.count, queue))
        self.known.note(queue, waiting)
        return waiting

    def wait_for_room(self, queue: str, *, wait_s: float | None = None) -> None:
        """Wait while the backlog is at its limit.

        Args:
            queue: which one.
            wait_s: how long, where that is not `room_wait_s`.

        Raises:
            QueueFull: it stayed there for that long.
            BrokerUnavailable: the broker is down.
        """
        if self.known.has_room(queue):
            return
        wait_s_max = self._room_wait_s if wait_s is None else wait_s
        deadline = None if wait_s_max is None else time.monotonic() + wait_s_max
        pause_s = 0.01
        while (waiting := self.backlog(queue)) >= self.known.limit:
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueFull(f"{waiting} envelopes wait on queue {queue!r}, where {self.known.limit} are allowed")
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _ROOM_POLL_S_MAX)

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        self._broker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _retrying(self, act: Callable[..., Any], *args: Any, **named: Any) -> Any:
        attempts = Retrying(
            retry=retry_if_exception_type(BrokerLost),
            wait=wait_exponential_jitter(multiplier=0.05, max=2),
            stop=stop_after_delay(self._retry_s),
            before_sleep=self._forget_connection,
            reraise=True,
        )
        try:
            return attempts(act, *args, **named)
        except (BrokerLost, BrokerRefused) as error:
            self.close()
            self.known.forget()
            raise BrokerUnavailable(f"no answer from the broker at {self._address}: {error}") from error

    def _forget_connection(self, _: RetryCallState) -> None:
        self.close()
