"""The statements of intake, named. Each runs once per envelope.

Rows travel as one JSON text per parameter and are taken apart by Postgres: with 500 rows this costs a tenth of
row-by-row inserts. Numbers travel as text, so that they stay exact.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from trueup.store.postgres.driver_statement import DriverStatement, uuid_array
from trueup.store.postgres.index_lookup import row_of
from trueup.store.requests.refused_bodies import KEPT_BODIES
from trueup.store.requests.standing_outcomes import DECIDED_AT, REFUSING, STANDS, bound

Json = Mapping[str, Any]

# OFFSET 0 keeps a look-up what it is: one probe of the primary key for each row. Between a flood of rows and the next
# ANALYZE the planner takes an account for small, and would read all of it for every envelope.
# Whoever closes months of a customer holds the customer's row. A POSTPAID commit locks it before it says when it was
# booked: so what is closed before that did not draw on it, and what is closed after that may.
_INSERT_NEW = DriverStatement(f"""
WITH promising AS MATERIALIZED (
    SELECT FROM customer WHERE account_id = :account_id AND id = ANY(CAST(:promising AS uuid[]))
     ORDER BY id FOR SHARE
), clock AS (
    SELECT coalesce(clock_at, now()) AS at, (SELECT count(*) FROM promising) AS locked
      FROM account WHERE id = :account_id
), new AS (
    INSERT INTO commit (
        account_id, id, type, customer_id, product_id, name, description, priority, rate_type, access_type,
        access_unit_id, invoice_unit_id, invoice_contract_id, do_not_invoice, recurring_schedule,
        applicable_product_ids, applicable_product_tags, applicable_contract_ids, specifiers, custom_fields,
        netsuite_sales_order_id, salesforce_opportunity_id, uniqueness_key, fingerprint, fingerprint_version,
        batch_id, attempt, created_at, booked_at)
    SELECT :account_id, r.id, r.type, r.customer_id, r.product_id, r.name, r.description, r.priority, r.rate_type,
           r.access_type, r.access_unit_id, r.invoice_unit_id, r.invoice_contract_id, r.do_not_invoice,
           r.recurring_schedule, r.applicable_product_ids, r.applicable_product_tags, r.applicable_contract_ids,
           r.specifiers, r.custom_fields, r.netsuite_sales_order_id, r.salesforce_opportunity_id, r.uniqueness_key,
           r.fingerprint, :fingerprint_version, CAST(:batch_id AS uuid), :attempt, clock.at,
           CASE WHEN clock.locked >= 0 THEN clock_timestamp() END
      FROM clock, ROWS FROM (json_to_recordset(CAST(:commits AS json)) AS (
        id uuid, type text, customer_id uuid, product_id uuid, name text, description text, priority numeric,
        rate_type text, access_type text, access_unit_id uuid, invoice_unit_id uuid, invoice_contract_id uuid,
        do_not_invoice boolean, recurring_schedule jsonb, applicable_product_ids uuid[],
        applicable_product_tags text[], applicable_contract_ids uuid[], specifiers jsonb, custom_fields jsonb,
        netsuite_sales_order_id text, salesforce_opportunity_id text, uniqueness_key text, fingerprint bytea)
      ) WITH ORDINALITY AS r
     WHERE NOT EXISTS (
        SELECT FROM outcome AS o WHERE o.account_id = :account_id AND o.request_id = r.id AND {STANDS} OFFSET 0)
     ORDER BY r.ordinality
    ON CONFLICT DO NOTHING
    RETURNING id, type, created_at
), granted AS (
    INSERT INTO segment (account_id, commit_id, position, amount, starting_at, ending_before, expires,
                         granted_at)
    SELECT :account_id, s.commit_id, s.position, s.amount, s.starting_at, s.ending_before, new.type <> 'POSTPAID',
           new.created_at
      FROM json_to_recordset(CAST(:segments AS json)) AS s(
        commit_id uuid, position smallint, amount numeric, starting_at timestamptz, ending_before timestamptz)
      JOIN new ON new.id = s.commit_id
    RETURNING commit_id, position, id, amount, starting_at
), opened AS (
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
    SELECT :account_id, new.id, granted.id,
           CASE new.type WHEN 'PREPAID' THEN 'PREPAID_COMMIT_SEGMENT_START'
                         WHEN 'CREDIT' THEN 'CREDIT_SEGMENT_START'
                         ELSE 'POSTPAID_COMMIT_INITIAL_BALANCE' END,
           granted.amount,
           CASE new.type WHEN 'POSTPAID' THEN new.created_at ELSE granted.starting_at END
      FROM granted JOIN new ON new.id = granted.commit_id
     ORDER BY granted.commit_id, granted.position
), scheduled AS (
    INSERT INTO obligation (
        account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity, amount, suppressed_by)
    SELECT :account_id, o.id, o.commit_id, o.position, o.kind, o.timestamp, greatest(o.timestamp, o.closes_at),
           o.unit_price, o.quantity, o.amount, o.suppressed_by
      FROM json_to_recordset(CAST(:obligations AS json)) AS o(
        id uuid, commit_id uuid, position smallint, kind text, timestamp timestamptz, closes_at timestamptz,
        unit_price numeric, quantity numeric, amount numeric, suppressed_by text)
      JOIN new ON new.id = o.commit_id
), announced AS (
    INSERT INTO outbox (account_id, event, subject_ids)
    SELECT :account_id, CASE WHEN type = 'CREDIT' THEN 'credit.created' ELSE 'commit.created' END, array_agg(id)
      FROM new GROUP BY type = 'CREDIT'
)
SELECT string_agg(CAST(id AS text), ',') FROM new
""")

_FIND = DriverStatement(f"""
    SELECT CAST(c.id AS text), c.type, c.uniqueness_key, c.fingerprint, c.fingerprint_version
      FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
      JOIN LATERAL {row_of("commit", "id", "wanted.id")} AS c ON c.id = wanted.id
    UNION ALL
    SELECT CAST(c.id AS text), c.type, c.uniqueness_key, c.fingerprint, c.fingerprint_version
      FROM unnest(CAST(:keys AS text[])) AS wanted (key)
      JOIN LATERAL {row_of("commit", "uniqueness_key", "wanted.key")} AS c ON c.uniqueness_key = wanted.key
""")

_STORE_OUTCOMES = DriverStatement(f"""
WITH {REFUSING}, stored AS (
    INSERT INTO outcome AS o (
        account_id, request_id, outcome, errors, more, existing, reason, batch_id, attempt, decided_at, customer,
        uniqueness_key)
    SELECT :account_id, r.request_id, r.outcome, r.errors, r.more, r.existing, r.reason,
           CAST(:batch_id AS uuid), :attempt, {DECIDED_AT}, r.customer, r.uniqueness_key
      FROM json_to_recordset(CAST(:outcomes AS json)) AS r(
        request_id uuid, outcome text, errors jsonb, more integer, existing jsonb,
        reason text, customer text, uniqueness_key text)
    ON CONFLICT (account_id, request_id) DO UPDATE
       SET (outcome, errors, more, existing, reason, batch_id, attempt, decided_at, first_decided_at, customer,
            uniqueness_key)
         = (excluded.outcome, excluded.errors, excluded.more, excluded.existing, excluded.reason,
            coalesce(excluded.batch_id, o.batch_id), excluded.attempt, excluded.decided_at,
            coalesce(o.first_decided_at, o.decided_at), coalesce(excluded.customer, o.customer),
            coalesce(excluded.uniqueness_key, o.uniqueness_key))
     WHERE NOT {STANDS}
    RETURNING request_id, decided_at, xmax = 0 AS is_first
), {KEPT_BODIES}, announced AS (
    INSERT INTO outbox (account_id, event, subject_ids)
    SELECT :account_id, r.event, array_agg(r.request_id)
      FROM stored JOIN json_to_recordset(CAST(:outcomes AS json)) AS r(request_id uuid, event text) USING (request_id)
     WHERE stored.is_first AND r.event IS NOT NULL
     GROUP BY r.event
)
SELECT string_agg(CAST(request_id AS text), ',') FROM stored
""")

_CLAIM_IDEMPOTENCY_KEYS = text("""
    INSERT INTO idempotency AS i (account_id, key, request_id, fingerprint, fingerprint_version)
    SELECT :account_id, r.key, r.request_id, r.fingerprint, :fingerprint_version
      FROM json_to_recordset(CAST(:claims AS json)) AS r(key text, request_id uuid, fingerprint bytea)
    ON CONFLICT (account_id, key) DO UPDATE
       SET (request_id, fingerprint, fingerprint_version, created_at)
         = (excluded.request_id, excluded.fingerprint, excluded.fingerprint_version, now())
     WHERE i.created_at < now() - make_interval(days => :days)
    RETURNING key
""")

_READ_IDEMPOTENCY_KEYS = text("""
    SELECT key, request_id, fingerprint, fingerprint_version
      FROM idempotency WHERE account_id = :account_id AND key = ANY(:keys)
""")

_FORGET_IDEMPOTENCY_KEYS = text("SELECT trim_idempotency(make_interval(days => :days), :limit)")

_RELEASE_IDEMPOTENCY_KEYS = text("""
    DELETE FROM idempotency WHERE account_id = :account_id AND request_id = ANY(CAST(:ids AS uuid[]))
       AND key = ANY(:keys)
""")


@dataclass(frozen=True, slots=True)
class Stored:
    """As much of a stored commit as deduplication needs."""

    id: str
    type: str
    uniqueness_key: str | None
    fingerprint: bytes
    fingerprint_version: int


@dataclass(frozen=True, slots=True)
class Claim:
    """First user of an idempotency key."""

    key: str
    request_id: UUID
    fingerprint: bytes
    fingerprint_version: int


def insert_new(
    connection: Connection,
    account_id: int,
    *,
    commits: Sequence[Json],
    segments: Sequence[Json],
    obligations: Sequence[Json],
    fingerprint_version: int,
    batch_id: UUID | None,
    attempt: int,
    anew_before: datetime | None = None,
) -> set[str]:
    """Insert what is new, with everything that belongs to it; returns the ids that were.

    Args:
        commits: in the order of (uniqueness key, place in the envelope): transactions that share keys lock them in one
            order and cannot deadlock, and of two rows that share a key the first wins.
        segments: of any of the commits, by `commit_id`; those of commits that were there already are ignored.
        obligations: likewise.
        anew_before: an id that has a refusal of before this instant is new (`trueup.store.requests.standing_outcomes`).
    """
    parameters = parameters_of_new(
        account_id,
        commits=commits,
        segments=segments,
        obligations=obligations,
        fingerprint_version=fingerprint_version,
        batch_id=batch_id,
        attempt=attempt,
        anew_before=anew_before,
    )
    ((inserted,),) = _INSERT_NEW.run(connection, parameters)
    return set(inserted.split(",")) if inserted else set()


def parameters_of_new(
    account_id: int,
    *,
    commits: Sequence[Json],
    segments: Sequence[Json],
    obligations: Sequence[Json],
    fingerprint_version: int,
    batch_id: UUID | None,
    attempt: int,
    anew_before: datetime | None = None,
) -> dict[str, Any]:
    """Parameters of `insert_new`'s statement; the benchmark's ceiling prepares them beforehand."""
    return {
        "account_id": account_id,
        "promising": uuid_array({row["customer_id"] for row in commits if row["type"] == "POSTPAID"}),
        "commits": _json(commits),
        "segments": _json(segments),
        "obligations": _json(obligations),
        "fingerprint_version": fingerprint_version,
        "batch_id": batch_id,
        "attempt": attempt,
        "anew_before": bound(anew_before),
    }


def find_commits(
    connection: Connection, account_id: int, *, ids: Collection[str], keys: Collection[str] = ()
) -> list[Stored]:
    """The account's commits with one of these ids or uniqueness keys, in a snapshot of its own."""
    if not ids and not keys:
        return []
    found = _FIND.run(connection, {"account_id": account_id, "ids": uuid_array(ids), "keys": list(keys)})
    return [Stored(*row) for row in found]


def store_outcomes(
    connection: Connection,
    account_id: int,
    outcomes: Sequence[Json],
    *,
    batch_id: UUID | None,
    attempt: int,
    anew_before: datetime | None = None,
    bodies: Sequence[Json] = (),
) -> set[str]:
    """Store outcomes that are no commits; a request's first one goes to the outbox under its `event`.

    Args:
        connection: of the transaction that decides them.
        account_id: whose requests.
        outcomes: rows as `Decision.row` makes them, each request once.
        batch_id: the batch they came with.
        attempt: the delivery, from 1.
        anew_before: refusals of before this instant are replaced (`trueup.store.requests.standing_outcomes`).
        bodies: of those whose bodies are kept beside the outcome, as `trueup.store.requests.refused_bodies.body_row`.

    Returns:
        The ids of those that were stored: the others have an outcome that stands.
    """
    if not outcomes:
        return set()
    ordered = sorted(outcomes, key=lambda row: str(row["request_id"]))
    ((stored,),) = _STORE_OUTCOMES.run(
        connection,
        {
            "account_id": account_id,
            "outcomes": _json(ordered),
            "batch_id": batch_id,
            "attempt": attempt,
            "anew_before": bound(anew_before),
            "bodies": _json(bodies),
        },
    )
    return set(stored.split(",")) if stored else set()


def claim_idempotency_keys(
    connection: Connection, account_id: int, claims: Sequence[Json], *, fingerprint_version: int, days: int
) -> set[str]:
    """Claim unused (or expired) keys; waits for a concurrent claimant. Returns the keys that are now claimed."""
    ordered = sorted(claims, key=lambda row: str(row["key"]))
    return set(
        connection.scalars(
            _CLAIM_IDEMPOTENCY_KEYS,
            {
                "account_id": account_id,
                "claims": _json(ordered),
                "fingerprint_version": fingerprint_version,
                "days": days,
            },
        )
    )


def read_idempotency_keys(connection: Connection, account_id: int, keys: Iterable[str]) -> dict[str, Claim]:
    """Holders of these keys."""
    rows = connection.execute(_READ_IDEMPOTENCY_KEYS, {"account_id": account_id, "keys": list(keys)})
    return {row.key: Claim(*row) for row in rows}


def release_idempotency_keys(
    connection: Connection, account_id: int, *, request_ids: Iterable[str], keys: Iterable[str]
) -> None:
    """Give back claims of requests that were refused: only what succeeded is remembered."""
    connection.execute(
        _RELEASE_IDEMPOTENCY_KEYS, {"account_id": account_id, "ids": list(request_ids), "keys": list(keys)}
    )


def forget_idempotency_keys(connection: Connection, *, days: int, limit: int) -> None:
    """Remove keys that are no longer remembered, of all accounts, some at a time."""
    connection.execute(_FORGET_IDEMPOTENCY_KEYS, {"days": days, "limit": limit})


def _json(rows: Sequence[Json]) -> str:
    return orjson.dumps(list(rows)).decode()
