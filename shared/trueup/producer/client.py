"""The clients that Python producers use.

    with CommitProducer(broker_url=…, token="tu_…", account="acme", database_url=…) as producer:
        request_id = producer.submit({"customer_id": …, "type": "PREPAID", …})
        outcomes = producer.wait([request_id], timeout_s=30)

`UsageProducer` does the same for lines of rated usage.

With a database URL, what `submit` returned is *kept*: it will have an outcome, even if the broker forgets it. With a
broker URL alone it is *sent*, best effort: a Redis broker can lose a message when a worker is killed.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Self
from uuid import UUID

from trueup.ids import new_id
from trueup.producer.base import ProducerBase
from trueup.producer.bodies import RequestBody, request_of, requests_of
from trueup.producer.outcomes.wait import OutcomeWait
from trueup.producer.publish import QueueFull
from trueup.wire.message.envelope import CommitKind, Kind
from trueup.wire.message.packing import pack
from trueup.wire.message.queues import COMMITS, USAGE
from trueup.wire.outcome import Outcome


class Producer(ProducerBase):
    """A producer for threads, which may share it; its arguments are `ProducerBase`'s."""

    def outcome(self, id: UUID) -> Outcome | None:  # noqa: A002
        """Outcome of a request; None while it has none.

        Raises:
            DatabaseUnavailable: the database did not answer, or none was named.
        """
        return self._read([id]).get(id)

    def wait(self, ids: Iterable[UUID], *, timeout_s: float) -> dict[UUID, Outcome]:
        """Wait until every request has an outcome, or the time is over; sends again what got lost.

        Returns:
            The outcomes by id; what is undecided is not in it.

        Raises:
            DatabaseUnavailable: the database did not answer during all that time, or none was named.
            BrokerUnavailable: something has to be sent again, and the broker is down.
        """
        from trueup.producer.outcomes.hints import Wakeup  # noqa: PLC0415 - Redis' client costs as much as all the others

        wait = self._wait_for(ids, timeout_s)
        with Wakeup(self._redis_url, account=self._account) as wakeup:
            while not wait.is_over(self._read_until(wait.deadline_s, wait.pending)):
                if wait.is_overdue():
                    self._send_again(wait)
                wakeup.sleep(wait.next_pause_s())
        return wait.outcomes

    def close(self) -> None:
        """Close the connections."""
        self._close_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(
        self, body: RequestBody, kind: Kind, *, request_id: UUID, anew: bool, idempotency_key: str | None = None
    ) -> UUID:
        request = request_of(
            body, request_id=request_id, kind=kind, idempotency_key=idempotency_key, validate=self._validate
        )
        anew_before = self._instant() if anew else None
        sent = self._coalescer.add(request, anew_before)
        try:
            self._coalescer.send(sent)
            sent.result()
        finally:
            sent.cancel()
        self._undecided.add([request], anew_before=anew_before)
        return request_id

    def _submit_many(
        self, bodies: Iterable[RequestBody], kind: Kind, *, ids: Iterable[UUID] | None, anew: bool
    ) -> list[UUID]:
        requests = requests_of(bodies, kind=kind, ids=ids, validate=self._validate)
        anew_before = self._instant() if anew else None
        for packed in pack(requests):
            self._send(packed, queue=self.route.bulk, anew_before=anew_before)
        self._undecided.add(requests, anew_before=anew_before)
        return [UUID(each.id) for each in requests]

    def _send_again(self, wait: OutcomeWait) -> None:
        """Send what is pending and not kept; while the queue is full there is no need to."""
        with suppress(QueueFull):
            for packed, anew_before in self._undecided_packs(wait.pending):
                self._send(packed, queue=self.route.bulk, anew_before=anew_before, room_wait_s=wait.left_s)


class CommitProducer(Producer):
    """Submits commit and credit requests; its arguments are `ProducerBase`'s."""

    route = COMMITS

    def submit(
        self,
        body: RequestBody,
        *,
        kind: CommitKind = "commit",
        idempotency_key: str | None = None,
        id: UUID | None = None,  # noqa: A002
        anew: bool = False,
    ) -> UUID:
        """Send one request, together with those that other threads submit meanwhile.

        Args:
            body: a mapping (decimals exact, see `body_json`), or JSON text, which is sent as it is.
            kind: commit or credit.
            idempotency_key: the caller's own, 1 to 255 characters.
            id: a UUID, to send a request again that may have been sent; left out, a new one is made.
            anew: if the request of this id was refused by now, have it judged anew: by default a refusal stays, as its
                caller may have sent another request since.

        Returns:
            The request's id, which will be the commit's.

        Raises:
            InvalidRequest: the body breaks the rules; nothing was sent.
            QueueFull: there is no room on the queue; nothing was kept or sent.
            BrokerUnavailable: the broker did not confirm, and it is not kept.
            DatabaseUnavailable: it may be kept; submit it again under the same id. With `anew` and no database,
                nothing was sent.
        """
        return self._submit(body, kind, request_id=id or new_id(), idempotency_key=idempotency_key, anew=anew)

    def submit_many(
        self,
        bodies: Iterable[RequestBody],
        *,
        kind: CommitKind = "commit",
        ids: Iterable[UUID] | None = None,
        anew: bool = False,
    ) -> list[UUID]:
        """Send requests in as few messages as they fit in, on the queue for bulk.

        All are judged before the first is sent, so all are held in memory: submit millions in slices.

        Args:
            bodies: as of `submit`.
            kind: likewise.
            ids: one for each, in order, to send requests again; left out, new ones are made.
            anew: as of `submit`.

        Returns:
            Their ids, in order.

        Raises:
            ValueError: there are more or fewer ids than bodies.
            InvalidRequest: one breaks the rules (`position` says which); nothing was sent.
            QueueFull, BrokerUnavailable, DatabaseUnavailable: as `submit`; those before may have been sent.
        """
        return self._submit_many(bodies, kind, ids=ids, anew=anew)


class UsageProducer(Producer):
    """Submits lines of rated usage; its arguments are `ProducerBase`'s.

    A line that may or may not have been sent can be submitted again under any id: its `transaction_id` counts once.
    """

    route = USAGE

    def submit(self, line: RequestBody, *, id: UUID | None = None, anew: bool = False) -> UUID:  # noqa: A002
        """Send one line, together with those that other threads submit meanwhile.

        Args:
            line: a mapping (decimals exact, see `body_json`), or JSON text, which is sent as it is.
            id: as of `CommitProducer.submit`.
            anew: likewise.

        Returns:
            The request's id.

        Raises:
            InvalidRequest, QueueFull, BrokerUnavailable, DatabaseUnavailable: as `CommitProducer.submit`.
        """
        return self._submit(line, "usage", request_id=id or new_id(), anew=anew)

    def submit_many(
        self, lines: Iterable[RequestBody], *, ids: Iterable[UUID] | None = None, anew: bool = False
    ) -> list[UUID]:
        """Send lines in as few messages as they fit in, as `CommitProducer.submit_many`; returns their ids, in order.

        Raises:
            ValueError, InvalidRequest, QueueFull, BrokerUnavailable, DatabaseUnavailable: as there.
        """
        return self._submit_many(lines, "usage", ids=ids, anew=anew)
