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
    INSERT INTO alert_clock (account_id, settled_to, judged_to, judged_at)
    SELECT id, least(created_at, clock_at), least(created_at, clock_at), now() FROM account WHERE id = :account_id
    ON CONFLICT DO NOTHING
""")
# The snapshot is the judgement's own: what all that ended before it has brought is seen by the judgement that settles.
_TAKE = text("""
    WITH taken AS (
        SELECT * FROM alert_clock WHERE account_id = :account_id FOR UPDATE SKIP LOCKED
    )
    SELECT taken.settled_to AS since, coalesce(a.clock_at, now()) AS present,
           taken.judged_to <= taken.settled_to
             OR coalesce(taken.judged_at <= now() - make_interval(secs => :settle_s)
                           AND CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) >= taken.seen,
                         false) AS settles
      FROM taken JOIN account AS a ON a.id = taken.account_id
""")
# A writer that has no transaction id yet is not among those that run: it gets a while to write, and only then it is
# noted who runs. The judgement that is to be settled stays the same meanwhile, however often others follow it.
_SETTLE = text("""
    UPDATE alert_clock
       SET settled_to = greatest(settled_to, judged_to), judged_to = greatest(judged_to, :present), judged_at = now(),
           seen = NULL, told_to = greatest(judged_to, told_to, :present), told_at = now()
     WHERE account_id = :account_id
""")
_ADVANCE = text("""
    UPDATE alert_clock
       SET told_to = greatest(judged_to, told_to, :present), told_at = now(),
           seen = CASE WHEN seen IS NULL AND judged_at <= now() - make_interval(secs => :settle_s)
                       THEN CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) ELSE seen END
     WHERE account_id = :account_id
""")
_FORGET = text("""
    DELETE FROM alert_told AS t USING alert_clock AS k
     WHERE k.account_id = :account_id AND t.account_id = :account_id AND t.fell_at <= k.settled_to
""")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of an account's time that is to be judged: after `since`, up to its present.

    Attributes:
        settles: whether all that could bring something to the judgement that is to be settled has ended: judged once
            more, it is settled.
    """

    since: datetime
    present: datetime
    settles: bool


def take_stretch(connection: Connection, account_id: int) -> Stretch | None:
    """Lock an account's alerts by time; None where another has them."""
    which = {"account_id": account_id}
    connection.execute(_BEGIN, which)
    return fetch_one(connection, Stretch, _TAKE, which | {"settle_s": ALERTS_SETTLE_S})


def note_judged(connection: Connection, account_id: int, stretch: Stretch) -> None:
    """Note that all of the stretch that can be seen now was told, and forget what was told of what is settled."""
    given = {"account_id": account_id, "present": stretch.present}
    if stretch.settles:
        connection.execute(_SETTLE, given)
        connection.execute(_FORGET, given)
    else:
        connection.execute(_ADVANCE, given | {"settle_s": ALERTS_SETTLE_S})
