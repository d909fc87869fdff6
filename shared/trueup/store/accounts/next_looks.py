"""Which accounts are to be looked at now: those in which something came, and those for which it is time.

Triggers note an account in `changed_account` in the transaction that changes it, so that none waits for another. A look
takes these notes, and sees all that their transactions brought, as each of its statements has a snapshot of its own.
Looks follow one another: none notes a time that it took from a snapshot of before a change which another has seen.
"""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, text

from trueup.limits import CHANGES_TAKEN_MAX, LOOKED_AT_AGAIN_H, LOOKED_AT_MAX

Kind = Literal["work", "alerts"]

# A scheduler that is stopped in the middle of a look keeps others from theirs only for as long as this. Of tables in
# which one account has nearly all rows, the planner expects as many of every account, and would sort them: the rows
# that are looked at are the first ones of an index.
_ONE_AT_A_TIME = text("""
    SELECT pg_try_advisory_xact_lock(7302518033)
      FROM set_config('idle_in_transaction_session_timeout', '10000', true) AS of_session,
           set_config('enable_seqscan', 'off', true) AS of_tables,
           set_config('enable_bitmapscan', 'off', true) AS of_pages,
           set_config('enable_sort', 'off', true) AS of_order
""")
_TAKE_CHANGES = text(f"""
    WITH changed AS (
        DELETE FROM changed_account WHERE seq = ANY (ARRAY(
            SELECT seq FROM changed_account ORDER BY seq LIMIT {CHANGES_TAKEN_MAX}))
        RETURNING account_id
    )
    INSERT INTO next_look (account_id) SELECT DISTINCT account_id FROM changed ORDER BY account_id
    ON CONFLICT (account_id) DO UPDATE SET work_at = excluded.work_at, alerts_at = excluded.alerts_at
""")
_DUE = {
    kind: text(f"""
        (SELECT account_id FROM next_look WHERE {kind}_at = 'epoch' LIMIT {LOOKED_AT_MAX})
         UNION ALL
        (SELECT account_id FROM next_look WHERE {kind}_at > 'epoch' AND {kind}_at <= now()
          ORDER BY {kind}_at LIMIT {LOOKED_AT_MAX})
    """)
    for kind in ("work", "alerts")
}

# Nothing of this is needed as long as what is noted is right: it is asked of every account, so that it is known to be.
_LOOK_AGAIN = (
    text("""
        INSERT INTO next_look (account_id)
        SELECT id FROM account AS a WHERE NOT EXISTS (SELECT FROM next_look WHERE account_id = a.id)
        ON CONFLICT DO NOTHING
    """),
    text("""
        UPDATE next_look AS n SET work_at = 'epoch'
          FROM account AS a
         WHERE a.id = n.account_id AND n.work_at > now()
           AND (n.work_at > now() + make_interval(hours => :again_h)
                OR EXISTS (SELECT FROM obligation AS o
                            WHERE o.account_id = a.id AND o.state = 'pending'
                              AND o.due_at <= coalesce(a.clock_at, now()) LIMIT 1))
    """),
    text("""
        UPDATE next_look SET alerts_at = 'epoch' WHERE alerts_at > now() + make_interval(hours => :again_h)
    """),
)


def accounts_to_look_at(connection: Connection, kind: Kind) -> Sequence[int]:
    """Accounts to look at for something of this kind: whoever looks at one notes when it is to be looked at again.

    None where another looks at this moment.

    Args:
        connection: a transaction, in which each statement sees what has been committed.
        kind: what is looked for.
    """
    if not connection.scalar(_ONE_AT_A_TIME):
        return ()
    connection.execute(_TAKE_CHANGES)
    return connection.scalars(_DUE[kind]).all()


def look_again(connection: Connection) -> None:
    """Have those accounts looked at next that no look would come to, or whose work no look knows of.

    Each account is asked, so it is for every hour rather than for every look. An account whose work waits is looked at
    once more, as nothing here tells that it does.

    Args:
        connection: a transaction, in which each statement sees what has been committed.
    """
    if connection.scalar(_ONE_AT_A_TIME):
        for each in _LOOK_AGAIN:
            connection.execute(each, {"again_h": LOOKED_AT_AGAIN_H} if ":again_h" in each.text else {})
