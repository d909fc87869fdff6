"""The relay gives what was committed its positions in the feed, and trims what its term has ended."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from trueup.store.postgres.rows import fetch_all

_ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(7302518002)")

# To be run under the lock, in a statement of its own: it sees all that the relay before it did. `seq` is taken when a
# row is written, so that what looked at another transaction's rows stands behind them, and comes into view after them.
# The array makes it look at those rows alone: a plan for any LIMIT expects a tenth of the table, and would read it all.
_PLACE = text("""
WITH waiting AS MATERIALIZED (
    SELECT ctid AS place, account_id, seq, greatest(cardinality(subject_ids), 1) AS events, created_at FROM outbox
     WHERE last_position IS NULL ORDER BY seq LIMIT :rows_max
), counted AS (
    SELECT place, account_id, events, sum(events) OVER (PARTITION BY account_id ORDER BY seq) AS nth FROM waiting
), known AS (
    INSERT INTO feed AS f (account_id, last_position, oldest_at)
    SELECT account_id, sum(events), min(created_at) FROM waiting GROUP BY account_id ORDER BY account_id
    ON CONFLICT (account_id) DO UPDATE
       SET last_position = f.last_position + excluded.last_position,
           oldest_at = coalesce(f.oldest_at, excluded.oldest_at)
    RETURNING account_id, last_position
), ended AS (
    SELECT account_id, max(nth) AS nth FROM counted GROUP BY account_id
), placed AS (
    UPDATE outbox AS o
       SET first_position = known.last_position - ended.nth + counted.nth - counted.events + 1,
           last_position = known.last_position - ended.nth + counted.nth
      FROM counted JOIN known USING (account_id) JOIN ended USING (account_id)
     WHERE o.ctid = ANY (ARRAY(SELECT place FROM waiting)) AND o.ctid = counted.place
    RETURNING o.event, counted.events
)
SELECT event AS type, count(*) AS rows, CAST(sum(events) AS bigint) AS events FROM placed GROUP BY event
""")

_TRIM = text("SELECT trim_outbox(make_interval(days => :days), :rows_max)")

_LAG = text("""
    SELECT extract(epoch FROM now() - created_at) FROM outbox WHERE last_position IS NULL ORDER BY seq LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Placed:
    """Outbox rows of a type of event that were given their positions, and how many events they hold."""

    type: str
    rows: int
    events: int


def place(connection: Connection, *, rows_max: int) -> list[Placed]:
    """Give the oldest committed outbox rows without a position theirs, of all accounts; where another does it, nothing.

    Args:
        connection: a transaction, which ends with this.
        rows_max: rows that are given one.
    """
    if not connection.scalar(_ONE_AT_A_TIME):
        return []
    return fetch_all(connection, Placed, _PLACE, {"rows_max": rows_max})


def trim(connection: Connection, *, days: int, rows_max: int) -> int:
    """Remove events that are older than `days`, from the beginning of each account's feed; returns how many rows."""
    return int(connection.execute(_TRIM, {"days": days, "rows_max": rows_max}).scalar_one())


def lag_s(connection: Connection) -> float:
    """For how many seconds the oldest committed event has waited for its position; 0: none waits."""
    return float(connection.scalar(_LAG) or 0.0)
