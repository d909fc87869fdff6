"""The instant up to which an account's time has been judged.

A transaction may bring something with a time that was judged before it committed. What was judged is looked at again
until every transaction has ended that could bring such a thing: then it is settled, and what was told of it forgotten.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from trueup.limits import ALERTS_SETTLE_S
from trueup.store.postgres.rows import fetch_one

_BEGIN = text("""
    INSERT INTO alert_clock (account_id, settled_to, judged_to, judged_at, seen)
    SELECT id, least(created_at, clock_at), least(created_at, clock_at), now(), 0 FROM account WHERE id = :account_id
    ON CONFLICT DO NOTHING
""")
# A writer that has no transaction id yet is not among those that run: it gets a while to write.
_TAKE = text("""
    WITH taken AS (
        SELECT account_id FROM alert_clock WHERE account_id = :account_id FOR UPDATE SKIP LOCKED
    )
    UPDATE alert_clock AS k
       SET settled_to = CASE WHEN k.judged_at <= now() - make_interval(secs => :settle_s)
                              AND CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) >= k.seen
                             THEN k.judged_to ELSE k.settled_to END
      FROM taken JOIN account AS a ON a.id = taken.account_id
     WHERE k.account_id = taken.account_id
    RETURNING k.settled_to AS since, coalesce(a.clock_at, now()) AS present
""")
_FORGET = text("DELETE FROM alert_told WHERE account_id = :account_id AND fell_at <= :since")
_ADVANCE = text("""
    UPDATE alert_clock
       SET judged_to = :present, judged_at = now(),
           seen = CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
     WHERE account_id = :account_id
""")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of an account's time that is to be judged: after `since`, up to its present."""

    since: datetime
    present: datetime


def take_stretch(connection: Connection, account_id: int) -> Stretch | None:
    """Lock an account's alerts by time, and forget what is settled; None where another has them."""
    which = {"account_id": account_id}
    connection.execute(_BEGIN, which)
    stretch = fetch_one(connection, Stretch, _TAKE, which | {"settle_s": ALERTS_SETTLE_S})
    if stretch is not None:
        connection.execute(_FORGET, which | {"since": stretch.since})
    return stretch


def note_judged(connection: Connection, account_id: int, stretch: Stretch) -> None:
    """Note that all of the stretch that can be seen now was told."""
    connection.execute(_ADVANCE, {"account_id": account_id, "present": stretch.present})
