"""Endpoints of an account: made, read, changed, switched off."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.errors import NotFound, Refused
from trueup.ids import new_id
from trueup.limits import WEBHOOK_ENDPOINTS_MAX, WEBHOOK_OVERLAP_H, WEBHOOK_SECRETS_MAX
from trueup.store.accounts.secret_key import require_secret_key, vault
from trueup.store.events.outbox import announce
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.webhooks.claims import hurry
from trueup.store.webhooks.expansion import Which
from trueup.wire.events import EventType

DisabledReason = Literal["gone", "failing", "by_hand"]

_COLUMNS = """
    SELECT e.id, e.url, e.types, e.description, e.state = 'enabled' AS is_enabled, e.disabled_reason, e.disabled_at,
           e.failing_since, e.delivered_at, e.created_at, e.position,
           (SELECT max(until) FROM unnest(e.older_until || e.previous_until) AS until) AS previous_until,
           coalesce((SELECT last_position FROM feed WHERE account_id = e.account_id), 0) - e.position AS behind
      FROM webhook_endpoint AS e WHERE e.account_id = :account_id AND e.state <> 'deleted'
"""
_LIST = text(f"{_COLUMNS} ORDER BY e.id")
_FIND = text(f"{_COLUMNS} AND e.id = :id")

_COUNT = text("SELECT count(*) FROM webhook_endpoint WHERE account_id = :account_id AND state <> 'deleted'")
_INSERT = text("""
    INSERT INTO webhook_endpoint (account_id, id, url, types, description, secret, state, position)
    VALUES (:account_id, :id, :url, CAST(:types AS text[]), :description, :secret, 'enabled',
            coalesce((SELECT last_position FROM feed WHERE account_id = :account_id), 0))
""")
_CHANGE = text("""
    UPDATE webhook_endpoint
       SET url = coalesce(CAST(:url AS text), url), types = coalesce(CAST(:types AS text[]), types),
           description = CASE WHEN :describes THEN :description ELSE description END
     WHERE account_id = :account_id AND id = :id AND state <> 'deleted'
""")
_ENABLE = text("""
    UPDATE webhook_endpoint SET state = 'enabled', disabled_reason = NULL, disabled_at = NULL, failing_since = NULL
     WHERE account_id = :account_id AND id = :id AND state = 'disabled'
""")
_DISABLE = text("""
    UPDATE webhook_endpoint SET state = 'disabled', disabled_reason = :reason, disabled_at = now()
     WHERE account_id = :account_id AND id = :id AND state = 'enabled'
""")
_DELETE = text("""
    UPDATE webhook_endpoint SET state = 'deleted', disabled_reason = NULL
     WHERE account_id = :account_id AND id = :id AND state <> 'deleted'
""")
# Without an overlap nothing signs but the new one.
_BEFORE = """
    unnest(e.older_secrets || e.previous_secret, e.older_until || e.previous_until) AS b(secret, until)
     WHERE b.until > now() AND :overlap_h > 0
"""
_ROTATE = text(f"""
    UPDATE webhook_endpoint AS e
       SET previous_secret = CASE WHEN :overlap_h > 0 THEN e.secret END, secret = :secret,
           previous_until = CASE WHEN :overlap_h > 0 THEN now() + make_interval(hours => :overlap_h) END,
           older_secrets = ARRAY(SELECT b.secret FROM {_BEFORE}), older_until = ARRAY(SELECT b.until FROM {_BEFORE})
     WHERE e.account_id = :account_id AND e.id = :id AND e.state <> 'deleted'
       AND (SELECT count(*) FROM {_BEFORE}) <= :older_max
 RETURNING previous_until
""")
_SWITCHED_OFF = text("""
    SELECT account.name AS account, e.id, e.url, e.disabled_reason AS reason, e.disabled_at
      FROM webhook_endpoint AS e JOIN account ON account.id = e.account_id
     WHERE e.state = 'disabled' AND e.disabled_reason <> 'by_hand'
       AND (CAST(:account_id AS integer) IS NULL OR e.account_id = :account_id)
     ORDER BY e.disabled_at DESC LIMIT 20
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Destination of events; its secrets are not part of it.

    Attributes:
        types: of the events it is sent; empty: all.
        failing_since: the first failure since the last success; None: the last attempt succeeded.
        previous_until: until when a secret before signs as well, the last of them.
        position: events of the feed up to this place have become deliveries.
        behind: how many events of the feed follow that place, whatever their types.
    """

    id: UUID
    url: str
    types: Sequence[EventType]
    description: str | None
    is_enabled: bool
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    previous_until: datetime | None
    position: int
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """An endpoint that was switched off by itself."""

    account: str
    id: UUID
    url: str
    reason: DisabledReason
    disabled_at: datetime


def create_endpoint(
    connection: Connection,
    account_id: int,
    *,
    url: str,
    types: Collection[EventType],
    secret: str,
    secret_key: str,
    description: str | None = None,
) -> Endpoint:
    """Make an endpoint, which is sent what happens from now on.

    Args:
        connection: a transaction.
        account_id: whose.
        url: where its deliveries go, judged before.
        types: of the events it is sent; empty: all.
        secret: signs its deliveries.
        secret_key: seals it.
        description: in the account's words.

    Raises:
        Refused: the account has as many as it may have.
        WrongSecretKey: nobody else would open what this key seals.
    """
    require_secret_key(connection, secret_key)
    which = {"account_id": account_id, "id": new_id()}
    if connection.execute(_COUNT, which).scalar_one() >= WEBHOOK_ENDPOINTS_MAX:
        raise Refused(f"the account has {WEBHOOK_ENDPOINTS_MAX} webhooks, and may have no more: delete one first")
    sealed = vault(secret_key).encrypt(secret.encode())
    given = {"url": url, "types": sorted(types), "description": description, "secret": sealed}
    connection.execute(_INSERT, which | given)
    return find_endpoint(connection, account_id, which["id"])


def list_endpoints(connection: Connection, account_id: int) -> list[Endpoint]:
    """The account's endpoints, oldest first."""
    return fetch_all(connection, Endpoint, _LIST, {"account_id": account_id})


def find_endpoint(connection: Connection, account_id: int, endpoint_id: object) -> Endpoint:
    """One of them.

    Raises:
        NotFound: the account has none of this id.
    """
    found = fetch_one(connection, Endpoint, _FIND, {"account_id": account_id, "id": endpoint_id})
    if found is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    return found


def change_endpoint(
    connection: Connection,
    account_id: int,
    endpoint_id: UUID,
    *,
    url: str | None = None,
    types: Collection[EventType] | None = None,
    description: str | None = None,
    describes: bool = False,
    enabled: bool | None = None,
) -> Endpoint:
    """Change what is given; what is switched on again goes on where it was, as far back as the feed goes.

    Args:
        connection: a transaction.
        account_id: whose.
        endpoint_id: which one.
        url: the new one, judged before.
        types: the new ones; empty: all.
        description: the new one; None with `describes`: none.
        describes: whether the description changes.
        enabled: whether it is delivered to.

    Raises:
        NotFound: the account has none of this id.
    """
    which = {"account_id": account_id, "id": endpoint_id}
    listed = None if types is None else sorted(types)
    given = {"url": url, "types": listed, "description": description, "describes": describes}
    connection.execute(_CHANGE, which | given)
    if enabled and connection.execute(_ENABLE, which).rowcount:
        hurry(connection, Which(account_id, endpoint_id))
    if enabled is False:
        connection.execute(_DISABLE, which | {"reason": "by_hand"})
    return find_endpoint(connection, account_id, endpoint_id)


def delete_endpoint(connection: Connection, account_id: int, endpoint_id: UUID) -> None:
    """Deliver nothing more; what was sent is removed some at a time.

    Raises:
        NotFound: the account has none of this id.
    """
    if not connection.execute(_DELETE, {"account_id": account_id, "id": endpoint_id}).rowcount:
        raise NotFound(f"there is no webhook {endpoint_id}")


def rotate_secret(
    connection: Connection,
    account_id: int,
    endpoint_id: UUID,
    *,
    secret: str,
    secret_key: str,
    overlap_h: int = WEBHOOK_OVERLAP_H,
) -> datetime | None:
    """Let a new secret sign, and for some hours the one before as well; returns until when.

    Those before that one sign until their own hours are over; without an overlap nothing signs but the new one.

    Raises:
        NotFound: the account has none of this id.
        Refused: as many sign as may sign at once.
        WrongSecretKey: nobody else would open what this key seals.
    """
    require_secret_key(connection, secret_key)
    sealed = vault(secret_key).encrypt(secret.encode())
    which = {"account_id": account_id, "id": endpoint_id}
    given = {"secret": sealed, "overlap_h": overlap_h, "older_max": WEBHOOK_SECRETS_MAX - 2}
    found = connection.execute(_ROTATE, which | given).one_or_none()
    if found is None:
        find_endpoint(connection, account_id, endpoint_id)
        raise Refused(
            f"{WEBHOOK_SECRETS_MAX} secrets sign already: wait until one of them ends, or end all of them with an"
            " overlap of 0 hours"
        )
    until: datetime | None = found.previous_until
    return until


def switch_off(connection: Connection, account_id: int, endpoint_id: UUID, reason: DisabledReason) -> bool:
    """Deliver nothing until somebody switches it on, and announce it; False: it is off already."""
    which = {"account_id": account_id, "id": endpoint_id}
    if not connection.execute(_DISABLE, which | {"reason": reason}).rowcount:
        return False
    announce(connection, account_id, "webhook.disabled", [endpoint_id], detail={"reason": reason})
    return True


def switched_off(connection: Connection, account_id: int | None = None) -> list[SwitchedOff]:
    """Endpoints that were switched off by themselves, of an account or of all, the latest first."""
    return fetch_all(connection, SwitchedOff, _SWITCHED_OFF, {"account_id": account_id})
