"""Sending and keeping of envelopes: what blocks, for threads to do."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from trueup.clock import utc_now
from trueup.limits import CALL_IDS_CHARS_MAX
from trueup.producer.known_backlog import KnownBacklog
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.settings import Settings
from trueup.store.accounts.tokens import queue_key
from trueup.store.postgres.engine import transaction
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.wire.message.names import QUEUE_PROBES, REQUEST_ID_HEADER
from trueup.wire.message.packing import Pack, write_meta
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.limits import PROBES_MAX, SEND_SECONDS_MAX


class NotSent(Exception):
    """The broker does not answer, and certainly has nothing of the envelope."""


class TokenRevoked(Exception):
    """The caller's token is no longer good: what was sent under it is refused by the workers, too."""


_DOWN_SECONDS = 2.0  # for this long the broker is taken to be down


@dataclass(frozen=True, slots=True)
class SignedEnvelope:
    """An envelope that is ready to travel.

    Attributes:
        calls: ids of the calls that its requests came by, for the worker's log.
    """

    principal: Principal
    meta: str
    packed: Pack
    queue: str
    calls: Sequence[str] = ()

    @property
    def beside(self) -> dict[str, str]:
        """Headers beside the signature: the ids of its calls, as many as may stand in one."""
        told = ",".join(self.calls)
        if len(told) > CALL_IDS_CHARS_MAX:
            told = told[: told.rindex(",", 0, CALL_IDS_CHARS_MAX + 1)]
        return {REQUEST_ID_HEADER: told} if told else {}

    @property
    def kept(self) -> Kept:
        """The envelope as it is kept."""
        return Kept(self.meta, self.packed.text, self.queue, len(self.packed.requests), self.packed.span)


class Sender:
    """One connection to the broker for all accounts: each envelope is signed under its caller's own key."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._publisher = Publisher(
            str(settings.broker_url),
            account="",
            signer=None,
            queue_limit=settings.queue_limit,
            room_wait_s=0,
            retry_s=SEND_SECONDS_MAX,
        )
        self._engine, self._lease_s = engine, settings.lease_s
        self._secret_key = settings.secret_key.get_secret_value()
        self._done_channel = settings.redis_url is not None
        self._down_until_s = 0.0

    def meta(self, account: str, *, batch_id: UUID | None = None, anew_before: datetime | None = None) -> str:
        """The first argument of an envelope that is sent now; nobody waits for those of a batch."""
        reply = self._done_channel and batch_id is None
        return write_meta(account, sent_at=utc_now(), batch_id=batch_id, anew_before=anew_before, reply=reply)

    @property
    def known(self) -> KnownBacklog:
        """The known backlogs; whoever sends another way notes it there."""
        return self._publisher.known

    @property
    def keeps_what_it_takes(self) -> bool:
        """Tell whether an envelope that was sent need not be kept here: as of `Broker`."""
        return self._publisher.keeps_what_it_takes

    def check_room(self, queue: str) -> None:
        """Ask whether the queue takes more.

        Raises:
            QueueFull: it does not.
            NotSent: the broker does not answer.
        """
        if self.known.has_room(queue):
            return
        try:
            with self._not_down():
                self._publisher.wait_for_room(queue)
        except BrokerUnavailable as error:
            raise NotSent(str(error)) from error

    def send(self, envelope: SignedEnvelope) -> None:
        """Put an envelope on its queue, if there is room.

        Raises:
            QueueFull, NotSent: it certainly is not there.
            BrokerUnavailable: it may or may not be there.
        """
        self.check_room(envelope.queue)
        self._publisher.publish(
            envelope.meta,
            envelope.packed.text,
            queue=envelope.queue,
            signer=envelope.principal.signer,
            beside=envelope.beside,
        )

    def keep(self, envelope: SignedEnvelope) -> None:
        """Keep an envelope until it has its outcomes, whether or not it was sent.

        From then on it is sent under the system's own key, so that the caller's is asked about once more.

        Raises:
            TokenRevoked: it is not kept, as its caller's token is no longer good.
            SQLAlchemyError: it may or may not be kept.
        """
        with transaction(self._engine) as connection:
            self._require_token(connection, envelope.principal)
            accept(connection, envelope.principal.caller.account_id, [envelope.kept], lease_s=self._lease_s)

    @contextmanager
    def _not_down(self) -> Iterator[None]:
        """Spare everybody the wait for a broker that did not answer a moment ago."""
        if time.monotonic() < self._down_until_s:
            raise BrokerUnavailable("the broker did not answer a moment ago")
        try:
            yield
        except BrokerUnavailable:
            self._down_until_s = time.monotonic() + _DOWN_SECONDS
            raise

    def _require_token(self, connection: Connection, principal: Principal) -> None:
        if principal.signer is None:
            return
        if queue_key(connection, principal.caller.key_id, secret_key=self._secret_key, now=utc_now()) is None:
            raise TokenRevoked("this token was revoked, or has expired, since it was last asked about")

    def backlog(self, queue: str) -> int:
        """Number of envelopes that wait on a queue.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """
        with self._not_down():
            return self._publisher.backlog(queue)

    def probe(self, name: str) -> None:
        """Send a probe, unless so many wait that one of them will be answered.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """
        if self.backlog(QUEUE_PROBES) < PROBES_MAX:
            self._publisher.publish(name, "", queue=QUEUE_PROBES)

    def close(self) -> None:
        """Close the connection."""
        self._publisher.close()
