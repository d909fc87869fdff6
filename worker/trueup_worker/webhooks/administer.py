"""The use cases of administration: what somebody does with endpoints and their deliveries, with an audit row each."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.limits import WEBHOOK_OVERLAP_H
from trueup.store.accounts.audit import note
from trueup.store.accounts.tokens import Caller
from trueup.store.webhooks import deliveries
from trueup.store.webhooks.deliveries import Resent
from trueup.store.webhooks.endpoints import (
    Endpoint,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    find_endpoint,
    rotate_secret,
)
from trueup.wire.events import EventType


def add_endpoint(
    connection: Connection,
    caller: Caller,
    *,
    url: str,
    types: Collection[EventType],
    secret: str,
    secret_key: str,
    description: str | None = None,
) -> Endpoint:
    """Make an endpoint of the caller's account; arguments, and what is raised, are those of `create_endpoint`."""
    made = create_endpoint(
        connection,
        caller.account_id,
        url=url,
        types=types,
        secret=secret,
        secret_key=secret_key,
        description=description,
    )
    _note(connection, caller, "create_webhook", made.id, after=_told(made))
    return made


def alter_endpoint(
    connection: Connection,
    caller: Caller,
    endpoint_id: UUID,
    *,
    url: str | None = None,
    types: Collection[EventType] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Endpoint:
    """Change what is given; an empty description removes the one that there is.

    Raises:
        NotFound: the account has none of this id.
    """
    before = find_endpoint(connection, caller.account_id, endpoint_id)
    after = change_endpoint(
        connection,
        caller.account_id,
        endpoint_id,
        url=url,
        types=types,
        description=description or None,
        describes=description is not None,
        enabled=enabled,
    )
    if _told(before) != _told(after):
        _note(connection, caller, "change_webhook", endpoint_id, before=_told(before), after=_told(after))
    return after


def remove_endpoint(connection: Connection, caller: Caller, endpoint_id: UUID) -> None:
    """Deliver nothing more to it.

    Raises:
        NotFound: the account has none of this id.
    """
    before = find_endpoint(connection, caller.account_id, endpoint_id)
    delete_endpoint(connection, caller.account_id, endpoint_id)
    _note(connection, caller, "delete_webhook", endpoint_id, before=_told(before))


def renew_secret(
    connection: Connection,
    caller: Caller,
    endpoint_id: UUID,
    *,
    secret: str,
    secret_key: str,
    overlap_h: int = WEBHOOK_OVERLAP_H,
) -> datetime | None:
    """Let a new secret sign, and for some hours the one before as well; returns until when.

    Raises:
        NotFound: the account has none of this id.
        Refused: as many sign as may sign at once.
        WrongSecretKey: nobody else would open what this key seals.
    """
    until = rotate_secret(
        connection, caller.account_id, endpoint_id, secret=secret, secret_key=secret_key, overlap_h=overlap_h
    )
    _note(connection, caller, "rotate_webhook", endpoint_id, after={"overlap_h": overlap_h})
    return until


def send_trial(connection: Connection, caller: Caller, endpoint_id: UUID) -> UUID:
    """Send a delivery that tells of nothing but the endpoint itself; returns its id.

    Raises:
        NotFound: the account has none of this id.
    """
    delivery_id = deliveries.send_test(connection, caller.account_id, endpoint_id)
    _note(connection, caller, "test_webhook", endpoint_id, after={"delivery_id": str(delivery_id)})
    return delivery_id


def try_again(
    connection: Connection,
    caller: Caller,
    endpoint_id: UUID,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
    failed: bool = False,
    after: int | None = None,
) -> Resent:
    """Let deliveries be tried again at once; arguments, and what is raised, are those of `resend`."""
    chosen = {"delivery_id": delivery_id, "since": since, "failed": failed, "after": after}
    resent = deliveries.resend(connection, caller.account_id, endpoint_id, **chosen)  # type: ignore[arg-type]
    told = {name: given if isinstance(given, int) else str(given) for name, given in chosen.items() if given}
    _note(connection, caller, "resend_webhook", endpoint_id, after=told | {"deliveries": resent.count})
    return resent


def _note(
    connection: Connection,
    caller: Caller,
    action: str,
    endpoint_id: UUID,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    note(
        connection,
        caller.account_id,
        actor=caller.key_id,
        action=action,
        subject=str(endpoint_id),
        before=before,
        after=after,
    )


def _told(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "url": endpoint.url,
        "types": list(endpoint.types),
        "description": endpoint.description,
        "enabled": endpoint.is_enabled,
    }
