"""Which outcomes stand: a message that is delivered again repeats them.

A refusal may have been shown to a caller who has since sent another request. It is judged anew only for a sender who
knows it by now, and says so by an instant of the database's clock that it has read (`anew_before`).

Decided before that instant is to mean visible at that instant. A clock that is read when a transaction begins, or in
its middle, does not say when it commits: a refusal of before could be shown after. So whoever stores refusals of an
account holds a lock of it, shared, from before it reads the clock until it commits, and whoever reads the instant holds
it alone: each refusal has either committed by then, or reads a later time. As the clock may be set back, a refusal that
is decided under an instant is never dated before it: the same message, delivered again, finds it standing.
"""

from datetime import datetime

from sqlalchemy import Connection, text

_LOCKS = 7_302  # the space of these advisory locks; one for each account

# Of a row `o`, with the instant as `bound` gives it; a created outcome is that of a replayed idempotency key.
STANDS = (
    "CASE o.outcome WHEN 'created' THEN true WHEN 'parked' THEN o.reason IS DISTINCT FROM 'replayed' "
    "ELSE o.decided_at >= :anew_before END"
)

# For a statement that stores refusals: their time is read when `refusing` is complete, so when its lock is held.
REFUSING = (
    "refusing AS MATERIALIZED (SELECT count(*) AS locks "
    f"FROM (SELECT pg_advisory_xact_lock_shared({_LOCKS}, :account_id) OFFSET 0) AS held)"
)
DECIDED_AT = "(SELECT CASE WHEN locks >= 0 THEN greatest(clock_timestamp(), :anew_before) END FROM refusing)"

_READ_INSTANT = text(f"""
WITH alone AS MATERIALIZED (
    SELECT count(*) AS locks FROM (SELECT pg_advisory_xact_lock({_LOCKS}, :account_id) OFFSET 0) AS held
)
SELECT CASE WHEN locks >= 0 THEN clock_timestamp() END FROM alone
""")


def bound(anew_before: datetime | None) -> datetime | str:
    """The parameter `anew_before` of a statement: without an instant every refusal is of after it."""
    return anew_before or "-infinity"


def read_instant(connection: Connection, account_id: int) -> datetime:
    """The present, by the database's clock: every refusal of the account that is dated before it can be seen by now.

    Waits for transactions that are storing refusals. To be called in a transaction that holds nothing else, and ends
    soon: refusals wait for it.
    """
    instant: datetime = connection.scalar(_READ_INSTANT, {"account_id": account_id})
    return instant
