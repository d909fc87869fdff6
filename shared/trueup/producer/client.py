"""The clients that Python producers use.

    with CommitProducer(broker_url=…, token="tu_…", account="acme", database_url=…) as producer:
        request_id = producer.submit({"customer_id": …, "type": "PREPAID", …})
        outcomes = producer.wait([request_id], timeout_s=30)

`UsageProducer` does the same for lines of rated usage.

With a database URL, what `submit` returned is *kept*: it will have an outcome, even if the broker forgets it. With a
broker URL alone it is *sent*, best effort: a Redis broker can lose a message when a worker is killed.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Self
from uuid import UUID

from trueup.clock import utc_now
from trueup.extras import extra
from trueup.ids import new_id
from trueup.producer.bodies import RequestBody, request_of
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.publish import QUEUE_LIMIT, RETRY_S, BrokerUnavailable, Publisher, QueueFull
from trueup.producer.signer import Signer
from trueup.producer.undecided import UndecidedRequests
from trueup.producer.wakeup import Wakeup
from trueup.wire.envelope import CommitKind, Kind, Meta, QueuedRequest
from trueup.wire.outcome import Outcome
from trueup.wire.packing import Pack, pack
from trueup.wire.routes import COMMITS, USAGE, Route

if TYPE_CHECKING:
    from trueup.producer.database import Database

RESEND_AFTER_S = 30
UNDECIDED_BYTES_MAX = 64 * 1024 * 1024
_POLL_S_MIN, _POLL_S_MAX = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that is to be sent, with what else travels under its instant; `sent` ends when it is."""

    request: QueuedRequest
    anew_before: datetime | None
    sent: Future[None] = field(default_factory=Future)


class Producer:
    """What the producers have in common; safe to share between threads.

    Args:
        broker_url: redis, rediss, sentinel, amqp or amqps.
        token: signs what is sent; None for workers that do not ask for signatures.
        account: on whose behalf; the token's own.
        database_url: where requests are kept and outcomes are read; without it there are no outcomes to be had here.
        keep: whether requests are kept before they are sent; without that `wait` sends again what has no outcome.
        redis_url: where workers say that something was decided, so that `wait` returns sooner.
        validate: refuse a request that breaks the rules before it is sent.
        queue_limit: envelopes on the queue above which `submit` waits.
        room_wait_s: how long it waits before it raises `QueueFull`; None: for ever; 0: not at all.
        retry_s: how long a lost connection to the broker is tried again.
        resend_after_s: how long a request may be without an outcome before it is sent again; doubled each time.
        undecided_bytes_max: how much text of requests that are not kept is remembered for that; the oldest go first.

    Raises:
        ValueError: `account` cannot be an account's name, or `token` is no token.
        MissingExtra: the database, or a broker other than Redis, takes libraries that are not installed.
    """

    route: ClassVar[Route]

    def __init__(
        self,
        *,
        broker_url: str,
        token: str | None,
        account: str,
        database_url: str | None = None,
        keep: bool = True,
        redis_url: str | None = None,
        validate: bool = True,
        queue_limit: int = QUEUE_LIMIT,
        room_wait_s: float | None = None,
        retry_s: float = RETRY_S,
        resend_after_s: float = RESEND_AFTER_S,
        undecided_bytes_max: int = UNDECIDED_BYTES_MAX,
    ) -> None:
        Meta(account=account, sent_at=utc_now())  # refuses what cannot be an account's name, before anything is sent
        self._publisher = Publisher(
            broker_url,
            account=account,
            signer=None if token is None else Signer.of_token(token),
            queue_limit=queue_limit,
            room_wait_s=room_wait_s,
            retry_s=retry_s,
        )
        self._database = _database(database_url, account=account) if database_url else None
        self._keeps = keep and database_url is not None
        self._redis_url, self._account = redis_url, account
        self._validate, self._resend_after_s = validate, resend_after_s
        self._undecided = UndecidedRequests(bytes_max=0 if self._keeps else undecided_bytes_max)
        self._waiting: list[_Waiting] = []
        self._waiting_lock, self._sending = Lock(), Lock()

    def outcome(self, id: UUID) -> Outcome | None:  # noqa: A002
        """What became of a request; None while nothing has.

        Raises:
            DatabaseUnavailable: the database did not answer, or none was named.
        """
        return self._read([id]).get(id)

    def wait(self, ids: Iterable[UUID], *, timeout_s: float) -> dict[UUID, Outcome]:
        """Waits until every request has an outcome, or the time is over; sends again what got lost.

        Returns:
            The outcomes by id; what is undecided is not in it.

        Raises:
            DatabaseUnavailable: the database did not answer during all that time, or none was named.
            BrokerUnavailable: something has to be sent again, and the broker is down.
        """
        pending, outcomes = set(ids), dict[UUID, Outcome]()
        news_s = time.monotonic()
        deadline_s = news_s + timeout_s
        patience_s, pause_s = self._resend_after_s, _POLL_S_MIN
        with Wakeup(self._redis_url, account=self._account) as wakeup:
            while True:
                found = self._read_until(deadline_s, pending)
                outcomes |= found
                pending -= found.keys()
                now_s = time.monotonic()
                if not pending or now_s >= deadline_s:
                    return outcomes
                if found:
                    news_s, pause_s = now_s, _POLL_S_MIN
                elif now_s - news_s >= patience_s:
                    self._send_again(pending, until_s=deadline_s)
                    news_s, patience_s = now_s, patience_s * 2
                wakeup.sleep(min(pause_s, deadline_s - now_s))
                pause_s = min(pause_s * 2, _POLL_S_MAX)

    def close(self) -> None:
        """Closes the connections."""
        self._publisher.close()
        if self._database is not None:
            self._database.close()

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
        self._coalesce(request, anew_before)
        self._undecided.add([request], anew_before=anew_before)
        return request_id

    def _submit_many(
        self, bodies: Iterable[RequestBody], kind: Kind, *, ids: Iterable[UUID] | None, anew: bool
    ) -> list[UUID]:
        given = list(bodies)
        named = [new_id() for _ in given] if ids is None else list(ids)
        requests = [
            request_of(body, request_id=request_id, kind=kind, validate=self._validate, position=position)
            for position, (body, request_id) in enumerate(zip(given, named, strict=True))
        ]
        anew_before = self._instant() if anew else None
        self._send(requests, queue=self.route.bulk, anew_before=anew_before)
        self._undecided.add(requests, anew_before=anew_before)
        return named

    def _instant(self) -> datetime:
        """What tells the refusals that the sender knows from those that it does not; only the database can say it."""
        if self._database is None:
            raise DatabaseUnavailable(
                "anew takes the database's clock: give database_url, or submit the request under a new id"
            )
        return self._database.instant()

    def _send_again(self, ids: Iterable[UUID], *, until_s: float) -> None:
        """Sends what is not kept, under the instant of its first send; while the queue is full there is no need to."""
        with suppress(QueueFull):
            for anew_before, requests in self._undecided.of(ids).items():
                room_wait_s = max(0.0, until_s - time.monotonic())
                self._send(requests, queue=self.route.bulk, anew_before=anew_before, room_wait_s=room_wait_s)

    def _coalesce(self, request: QueuedRequest, anew_before: datetime | None) -> None:
        """Whoever holds the sending lock sends for all that came meanwhile; the others find their request sent."""
        waiting = _Waiting(request, anew_before)
        with self._waiting_lock:
            self._waiting.append(waiting)
        with self._sending:
            if not waiting.sent.done():
                self._send_waiting()
        waiting.sent.result()

    def _send_waiting(self) -> None:
        taken: list[_Waiting] = []
        try:
            with self._waiting_lock:
                taken, self._waiting = self._waiting, []
            alike: defaultdict[datetime | None, list[_Waiting]] = defaultdict(list)
            for each in taken:
                alike[each.anew_before].append(each)
            for anew_before, together in alike.items():
                self._send_together(together, anew_before)
        finally:  # an interrupt may come anywhere: nobody waits for ever
            for each in taken:
                if not each.sent.done():
                    each.sent.set_exception(BrokerUnavailable("interrupted: submit it again under the same id"))

    def _send_together(self, together: list[_Waiting], anew_before: datetime | None) -> None:
        try:
            self._send([each.request for each in together], queue=self.route.single, anew_before=anew_before)
        except BaseException as error:  # noqa: BLE001 - it is raised where each of them waits
            for each in together:
                each.sent.set_exception(error)
        else:
            for each in together:
                each.sent.set_result(None)

    def _send(
        self,
        requests: Iterable[QueuedRequest],
        *,
        queue: str,
        anew_before: datetime | None,
        room_wait_s: float | None = None,
    ) -> None:
        for packed in pack(requests):
            self._publisher.wait_for_room(queue, wait_s=room_wait_s)
            meta = self._publisher.meta(anew_before=anew_before, reply=self._redis_url is not None)
            if self._keeps:
                self._keep_and_publish(meta, packed, queue=queue)
            else:
                self._publisher.publish(meta, packed.text, queue=queue)

    def _keep_and_publish(self, meta: str, packed: Pack, *, queue: str) -> None:
        assert self._database is not None
        self._database.keep(meta, packed, queue=queue, lease_s=max(1, round(self._resend_after_s)))
        with suppress(BrokerUnavailable):  # what is kept, the sweeper publishes
            self._publisher.publish(meta, packed.text, queue=queue)

    def _read(self, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
        if self._database is None:
            raise DatabaseUnavailable("outcomes are read from the database: give database_url")
        found = self._database.outcomes(ids)
        self._undecided.drop(found)
        return found

    def _read_until(self, deadline_s: float, ids: Iterable[UUID]) -> dict[UUID, Outcome]:
        try:
            return self._read(ids)
        except DatabaseUnavailable:
            if self._database is None or time.monotonic() >= deadline_s:
                raise
            return {}


def _database(url: str, *, account: str) -> "Database":
    with extra("postgres", needed_by="a producer with database_url"):
        from trueup.producer.database import Database  # noqa: PLC0415 - it needs the extra

    return Database(url, account=account)


class CommitProducer(Producer):
    """Submits commit and credit requests; its arguments are `Producer`'s."""

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
        """Sends one request, together with those that other threads submit meanwhile.

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
        """Sends requests in as few messages as they fit in, on the queue for bulk.

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
    """Submits lines of rated usage; its arguments are `Producer`'s.

    A line that may or may not have been sent can be submitted again under any id: its `transaction_id` counts once.
    """

    route = USAGE

    def submit(self, line: RequestBody, *, id: UUID | None = None, anew: bool = False) -> UUID:  # noqa: A002
        """Sends one line, together with those that other threads submit meanwhile.

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
        """Sends lines in as few messages as they fit in, as `CommitProducer.submit_many`; returns their ids, in order.

        Raises:
            ValueError, InvalidRequest, QueueFull, BrokerUnavailable, DatabaseUnavailable: as there.
        """
        return self._submit_many(lines, "usage", ids=ids, anew=anew)
