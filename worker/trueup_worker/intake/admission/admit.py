"""Admit: the check of an envelope before any body is read."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from trueup.limits import DELIVERIES_MAX
from trueup.store.accounts.tokens import Caller, Scope
from trueup.store.postgres.engine import statements, transaction
from trueup.store.postgres.errors import is_away, is_locked, primary_message
from trueup.store.postgres.retry import with_retries
from trueup.store.requests.kept_envelopes import count_delivery, release
from trueup.store.requests.parking import Reason
from trueup.wire.message.envelope import (
    BadEnvelope,
    Envelope,
    Kind,
    UnknownVersion,
    batch_of,
    read_envelope,
    require_past,
)
from trueup_worker.intake.admission.caller import NotAdmitted, caller_of
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.dismissal import Dismissed, TryAgainLater
from trueup_worker.intake.message import Message
from trueup_worker.intake.parked.park import park_envelope
from trueup_worker.intake.services import Services


def admit(
    on: Connection, message: Message, services: Services, *, scope: Scope, kind: Kind | None, now: datetime
) -> Delivery:
    """Check who sent an envelope, open it, and count the delivery before any work.

    Args:
        on: a connection without a transaction.
        message: as delivered.
        services: what the process holds open.
        scope: what the sender must be allowed.
        kind: what all requests are; None: what each says.
        now: the present, by which the signature's age is judged.

    Raises:
        Dismissed: it is decided already, or parked: nobody vouches for it, or it is no envelope.
        TryAgainLater: the database did not let it be admitted or parked.
    """
    try:
        return with_retries(lambda: _admit(on, message, services, scope=scope, kind=kind, now=now))
    except Dismissed:
        raise
    except Exception as error:
        counts = _counts(error)
        if not counts or message.attempt < DELIVERIES_MAX:
            raise TryAgainLater(error, counts=counts) from error
        _park_unopened(message, services, error)
        raise Dismissed from error


def _admit(
    on: Connection, message: Message, services: Services, *, scope: Scope, kind: Kind | None, now: datetime
) -> Delivery:
    with statements(on) as connection:
        try:
            caller = caller_of(connection, message, scope=scope, settings=services.settings, now=now)
        except NotAdmitted as error:
            _park(None, message, services, reason="unauthenticated", detail=str(error))
            raise Dismissed from error
        envelope = _open(caller, message, services, kind=kind, now=now)
        known_deliveries = count_delivery(connection, caller.account_id, message.digest)
    return Delivery(
        account_id=caller.account_id,
        batch_id=envelope.meta.batch_id,
        message=message,
        requests=envelope.requests,
        size=len(envelope.requests),
        deliveries=max(message.deliveries, known_deliveries),
        settings=services.settings,
        anew_before=envelope.meta.anew_before,
        reply_to=caller.account if envelope.meta.reply else None,
        sent_at=envelope.meta.sent_at,
    )


def _open(caller: Caller, message: Message, services: Services, *, kind: Kind | None, now: datetime) -> Envelope:
    try:
        envelope = read_envelope(message.meta, message.requests, kind=kind)
        require_past(envelope.meta, now=now)
    except (UnknownVersion, BadEnvelope) as error:
        reason: Reason = "bad_envelope" if isinstance(error, BadEnvelope) else "unknown_version"
        batch_id = batch_of(message.meta)
        _park(caller.account_id, message, services, reason=reason, detail=str(error), batch_id=batch_id)
        raise Dismissed from error
    return envelope


def _park(
    account_id: int | None,
    message: Message,
    services: Services,
    *,
    reason: Reason,
    detail: str,
    batch_id: UUID | None = None,
) -> None:
    """Park the message whole, in a transaction of its own; where its account is known, what was kept of it goes."""
    with transaction(services.engine) as connection:
        park_envelope(connection, account_id, message, reason=reason, detail=detail, batch_id=batch_id)
        if account_id is not None:
            release(connection, account_id, message.digest)


def _park_unopened(message: Message, services: Services, error: Exception) -> None:
    """Park, under no account, what could not even be opened, five times over."""
    detail = primary_message(error)
    try:
        with_retries(lambda: _park(None, message, services, reason="transient", detail=detail))
    except Exception as failure:
        raise TryAgainLater(failure, counts=_counts(failure)) from failure


def _counts(error: Exception) -> bool:
    """Tell whether the message may be to blame: nobody is while the database is away, or a lock is held."""
    return not (is_away(error) or is_locked(error))
