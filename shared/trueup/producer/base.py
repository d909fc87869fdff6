"""Base of every producer: its arguments, what is kept, sent and remembered, and where outcomes are read."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import UUID

from trueup.clock import utc_now
from trueup.defaults import QUEUE_LIMIT
from trueup.extras import extra
from trueup.producer.coalescer import Coalescer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.outcomes.undecided import UndecidedRequests
from trueup.producer.outcomes.wait import OutcomeWait
from trueup.producer.publish import RETRY_S, BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import Meta
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.queues import Route
from trueup.wire.outcome import Outcome

if TYPE_CHECKING:
    from trueup.producer.database import Database

RESEND_AFTER_S = 30
UNDECIDED_BYTES_MAX = 64 * 1024 * 1024


class ProducerBase:
    """Base of the producers.

    Args:
        broker_url: redis, rediss, sentinel, amqp or amqps: `trueup.broker.url`.
        token: signs what is sent; None for workers that do not ask for signatures.
        account: on whose behalf; the token's own.
        database_url: where requests are kept and outcomes are read; without it there are no outcomes to be had here.
        database_pooler: "transaction" where that URL leads to a pooler, like PgBouncer.
        keep: whether requests are kept before they are sent; without that `wait` sends again what has no outcome.
        redis_url: where workers say that something was decided, so that `wait` returns sooner.
        validate: refuse a request that breaks the rules before it is sent.
        queue_limit: envelopes on the queue above which `submit` waits.
        room_wait_s: how long it waits before it raises `QueueFull`; None: for ever; 0: not at all.
        retry_s: how long a lost connection to the broker is tried again.
        resend_after_s: how long a request may be without an outcome before it is sent again; doubled each time.
        undecided_bytes_max: how much text of requests that are not kept is remembered for that; the oldest go first.

    Raises:
        ValueError: `account` cannot be an account's name, `token` is no token, or there can be no such broker.
        MissingExtra: the database, or RabbitMQ, takes libraries that are not installed.
    """

    route: ClassVar[Route]
    _room_wait_in_thread_s: ClassVar[float | None] = None  # where a thread may not wait as long as `room_wait_s` says

    def __init__(
        self,
        *,
        broker_url: str,
        token: str | None,
        account: str,
        database_url: str | None = None,
        database_pooler: Literal["transaction"] | None = None,
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
        self._database = _database(database_url, account=account, pooler=database_pooler) if database_url else None
        self._keeps = keep and database_url is not None
        self._redis_url, self._account = redis_url, account
        self._validate, self._resend_after_s = validate, resend_after_s
        self._undecided = UndecidedRequests(bytes_max=0 if self._keeps else undecided_bytes_max)
        self._room_wait_s = room_wait_s
        self._coalescer = Coalescer(self._send_coalesced)

    def _instant(self) -> datetime:
        """Instant that tells the refusals the sender knows from those it does not; only the database can say it."""
        if self._database is None:
            raise DatabaseUnavailable(
                "anew takes the database's clock: give database_url, or submit the request under a new id"
            )
        return self._database.instant()

    def _send_coalesced(self, packed: Pack, anew_before: datetime | None) -> None:
        self._send(packed, queue=self.route.single, anew_before=anew_before)

    def _send(
        self, packed: Pack, *, queue: str, anew_before: datetime | None, room_wait_s: float | None = None
    ) -> None:
        """Send one envelope as soon as there is room for it, kept before if the producer keeps."""
        wait_s = self._room_wait_in_thread_s if room_wait_s is None else room_wait_s
        self._publisher.wait_for_room(queue, wait_s=wait_s)
        meta = self._publisher.meta(anew_before=anew_before, reply=self._redis_url is not None)
        if self._keeps:
            self._keep_and_publish(meta, packed, queue=queue)
        else:
            self._publisher.publish(meta, packed.text, queue=queue)

    def _keep_and_publish(self, meta: str, packed: Pack, *, queue: str) -> None:
        assert self._database is not None
        try:
            self._database.keep(meta, packed, queue=queue, lease_s=max(1, round(self._resend_after_s)))
        except DatabaseUnavailable:
            if not self._publisher.keeps_what_it_takes:
                raise
            self._publisher.publish(meta, packed.text, queue=queue)
            return
        with suppress(BrokerUnavailable):  # what is kept, the sweeper publishes
            self._publisher.publish(meta, packed.text, queue=queue)

    def _undecided_packs(self, ids: Iterable[UUID]) -> Iterator[tuple[Pack, datetime | None]]:
        """Packs to be sent again for those of `ids` that are not kept, with the instant of their first send."""
        for anew_before, requests in self._undecided.of(ids).items():
            yield from ((packed, anew_before) for packed in pack(requests))

    def _wait_for(self, ids: Iterable[UUID], timeout_s: float) -> OutcomeWait:
        return OutcomeWait(ids, timeout_s=timeout_s, resend_after_s=self._resend_after_s)

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

    def _close_connections(self) -> None:
        self._publisher.close()
        if self._database is not None:
            self._database.close()


def _database(url: str, *, account: str, pooler: Literal["transaction"] | None) -> "Database":
    with extra("postgres", needed_by="a producer with database_url"):
        from trueup.producer.database import Database  # noqa: PLC0415 - it needs the extra

    return Database(url, account=account, pooler=pooler)
