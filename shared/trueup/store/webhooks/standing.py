"""Standing of webhooks: what an operator should know of them, of one account or of all."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_one

# An endpoint's next delivery, or the next event of its feed where none waits: looked up by their indexes, one row each.
NEXT_DUE = """
    LEFT JOIN LATERAL (
        SELECT d.next_attempt_at AS at FROM webhook_delivery AS d
         WHERE d.account_id = e.account_id AND d.endpoint_id = e.id AND d.state = 'waiting'
         ORDER BY d.next_attempt_at LIMIT 1) AS delivery ON true
    LEFT JOIN LATERAL (
        SELECT o.created_at AS at FROM outbox AS o
         WHERE o.account_id = e.account_id AND o.last_position > e.position AND delivery.at IS NULL
         ORDER BY o.last_position LIMIT 1) AS event ON true
"""
# Since when something has been due at an endpoint of which nothing was tried; null or in the future: nothing has.
NEGLECTED_SINCE = """
    CASE WHEN coalesce(delivery.at, event.at) IS NOT NULL
         THEN greatest(coalesce(delivery.at, event.at), e.delivered_at, e.failed_at) END
"""
_STANDING = text(f"""
    SELECT count(*) FILTER (WHERE e.state = 'enabled') AS enabled,
           count(*) FILTER (WHERE e.state = 'disabled' AND e.disabled_reason <> 'by_hand') AS switched_off,
           count(*) FILTER (WHERE e.state = 'enabled' AND e.failing_since < now() - CAST(:failing_for AS interval))
               AS failing,
           CAST(coalesce(sum(feed.last_position - e.position) FILTER (WHERE e.state = 'enabled'), 0) AS bigint)
               AS events_behind,
           CAST(coalesce(extract(epoch FROM now() - least(
               now(), min({NEGLECTED_SINCE}) FILTER (WHERE e.state = 'enabled'))), 0) AS float) AS overdue_seconds
      FROM webhook_endpoint AS e LEFT JOIN feed ON feed.account_id = e.account_id {NEXT_DUE}
     WHERE e.state <> 'deleted' AND (CAST(:account_id AS integer) IS NULL OR e.account_id = :account_id)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Numbers of endpoints, and what they wait for.

    An endpoint that fails is tried again by its schedule: what is overdue is what nobody tries.

    Attributes:
        enabled: those that are delivered to.
        switched_off: those that were switched off by themselves.
        failing: enabled ones that have taken nothing for a while.
        events_behind: of the feeds, whatever their types, that enabled ones have not come to yet.
        overdue_seconds: for how long something has been due at an enabled one of which nothing was tried; 0: at none.
    """

    enabled: int
    switched_off: int
    failing: int
    events_behind: int
    overdue_seconds: float


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
