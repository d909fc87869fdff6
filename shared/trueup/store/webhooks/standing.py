"""Standing of webhooks: what an operator should know of them, of one account or of all."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_one

_STANDING = text("""
    SELECT count(*) FILTER (WHERE e.state = 'enabled') AS enabled,
           count(*) FILTER (WHERE e.state = 'disabled' AND e.disabled_reason <> 'by_hand') AS switched_off,
           count(*) FILTER (WHERE e.state = 'enabled' AND e.failing_since < now() - CAST(:failing_for AS interval))
               AS failing,
           CAST(coalesce(sum(feed.last_position - e.position) FILTER (WHERE e.state = 'enabled'), 0) AS bigint)
               AS events_behind
      FROM webhook_endpoint AS e LEFT JOIN feed ON feed.account_id = e.account_id
     WHERE CAST(:account_id AS integer) IS NULL OR e.account_id = :account_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Numbers of endpoints, and what they wait for.

    Attributes:
        enabled: those that are delivered to.
        switched_off: those that were switched off by themselves.
        failing: enabled ones that have taken nothing for a while.
        events_behind: of the feeds, whatever their types, that enabled ones have not come to yet.
    """

    enabled: int
    switched_off: int
    failing: int
    events_behind: int


def standing(connection: Connection, account_id: int | None = None, *, failing_for: timedelta) -> Standing:
    """Numbers of the webhooks of an account, or of all.

    Args:
        connection: a transaction.
        account_id: whose; None: of all.
        failing_for: from when on an endpoint counts as failing.
    """
    found = fetch_one(connection, Standing, _STANDING, {"account_id": account_id, "failing_for": failing_for})
    assert found is not None
    return found
