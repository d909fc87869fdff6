"""The statements of usage intake: as in `trueup.store.requests.commit_inserts`, rows travel as one JSON text.

Whoever closes a customer's month holds the customer `FOR NO KEY UPDATE`, then moves the watermark and removes the month
from the work list. Intake holds the customers of all its lines `FOR SHARE` before it stores the first of them: a line
counts in its month, or it is late, and nothing lies in between.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from trueup.limits import USAGE_PUT_OFF_H_MAX
from trueup.store.catalog.catalog import EVER, Record, register_bare
from trueup.store.postgres.calendar import month_of
from trueup.store.postgres.driver_statement import DriverStatement
from trueup.store.postgres.index_lookup import row_of
from trueup.store.requests.standing_outcomes import STANDS, bound
from trueup.store.usage.months import CLOSABLE_BEFORE
from trueup.wire.request.normal import Normal
from trueup.wire.request.references import References
from trueup.wire.request.usage_references import KnownToUsage, Term

_PUT_OFF_MAX = f"interval '{USAGE_PUT_OFF_H_MAX} hours'"

# Every transaction takes its locks in one order: customers by id, lines by transaction id, months by customer and time.
# `closed` is complete, so all customers are locked, before the first line goes in; FOR SHARE gives their watermarks as
# they are once a closing under way has ended. The sort puts a transaction id's first line in the envelope first.
# The watermarks are one object, and OFFSET 0 stands where it does, so that no plan compares all lines with all
# customers or all outcomes, whatever the statistics say.
# A month that is being closed is not put off: whoever closes it waits for the customer, and finds these lines.
_RECORD = DriverStatement(f"""
WITH line AS (
    SELECT r.* FROM ROWS FROM (json_to_recordset(CAST(:lines AS json)) AS (
        request_id uuid, transaction_id text, customer_id uuid, contract_id uuid, product_id uuid, credit_type_id uuid,
        "timestamp" timestamptz, quantity numeric, list_price numeric, commit_price numeric,
        pricing_group_values jsonb, presentation_group_values jsonb, fingerprint bytea)
      ) WITH ORDINALITY AS r
), locked AS MATERIALIZED (
    SELECT id, usage_closed_before FROM customer
     WHERE account_id = :account_id AND id = ANY(CAST(:customers AS uuid[])) ORDER BY id FOR SHARE
), closed AS MATERIALIZED (
    SELECT jsonb_object_agg(id, usage_closed_before) FILTER (WHERE usage_closed_before IS NOT NULL) AS before
      FROM locked
), new AS (
    INSERT INTO usage_line (
        account_id, transaction_id, request_id, customer_id, contract_id, product_id, unit_id, at, quantity, list_price,
        commit_price, pricing_group_values, presentation_group_values, fingerprint, fingerprint_version, is_late,
        batch_id, attempt)
    SELECT :account_id, l.transaction_id, l.request_id, l.customer_id, l.contract_id, l.product_id, l.credit_type_id,
           l."timestamp", l.quantity, l.list_price, l.commit_price, l.pricing_group_values,
           l.presentation_group_values, l.fingerprint, :fingerprint_version,
           coalesce(l."timestamp" < CAST(closed.before ->> CAST(l.customer_id AS text) AS timestamptz), false),
           CAST(:batch_id AS uuid), :attempt
      FROM line AS l CROSS JOIN closed
     WHERE NOT EXISTS (
        SELECT FROM outcome AS o
         WHERE o.account_id = :account_id AND o.request_id = l.request_id AND {STANDS} OFFSET 0)
     ORDER BY l.transaction_id COLLATE "C", l.ordinality
    ON CONFLICT DO NOTHING
    RETURNING request_id, customer_id, at, quantity * greatest(list_price, commit_price) AS costs, is_late
), used AS MATERIALIZED (
    SELECT DISTINCT customer_id, {month_of("at")} AS starting_at FROM new WHERE NOT is_late
), opened AS (
    INSERT INTO usage_month (account_id, customer_id, starting_at, settles_at)
    SELECT :account_id, customer_id, starting_at,
           CASE WHEN starting_at < {CLOSABLE_BEFORE} THEN now() + make_interval(secs => :usage_settle_s) END
      FROM used ORDER BY 2, 3
    ON CONFLICT DO NOTHING
), put_off AS (
    UPDATE usage_month AS put
       SET settles_at = least(now() + make_interval(secs => :usage_settle_s), put.opened_at + {_PUT_OFF_MAX})
      FROM (SELECT m.customer_id, m.starting_at FROM usage_month AS m JOIN used USING (customer_id, starting_at)
             WHERE m.account_id = :account_id AND m.settles_at < now() + make_interval(secs => :usage_settle_s / 2.0)
               AND m.settles_at < m.opened_at + {_PUT_OFF_MAX}
               FOR UPDATE OF m SKIP LOCKED) AS settling
     WHERE put.account_id = :account_id AND put.customer_id = settling.customer_id
       AND put.starting_at = settling.starting_at
), arrived AS (
    INSERT INTO usage_arrival (account_id, customer_ids, amounts)
    SELECT :account_id, array_agg(customer_id), array_agg(costs)
      FROM (SELECT customer_id, sum(costs) AS costs FROM new WHERE NOT is_late GROUP BY customer_id) AS used
    HAVING count(*) > 0
), announced AS (
    INSERT INTO outbox (account_id, event, subject_ids)
    SELECT :account_id, 'usage.late', array_agg(request_id) FROM new WHERE is_late HAVING count(*) > 0
)
SELECT string_agg(CAST(request_id AS text), ',') FROM new
""")

_FIND = DriverStatement(f"""
    SELECT l.transaction_id, CAST(l.request_id AS text), l.fingerprint, l.fingerprint_version
      FROM unnest(CAST(:request_ids AS uuid[])) AS wanted (id)
      JOIN LATERAL {row_of("usage_line", "request_id", "wanted.id")} AS l ON l.request_id = wanted.id
    UNION ALL
    SELECT l.transaction_id, CAST(l.request_id AS text), l.fingerprint, l.fingerprint_version
      FROM unnest(CAST(:transaction_ids AS text[])) AS wanted (id)
      JOIN LATERAL {row_of("usage_line", "transaction_id", "wanted.id")} AS l ON l.transaction_id = wanted.id
""")

_KNOWN = DriverStatement("""
    SELECT CAST((SELECT json_object_agg(id, '') FROM customer WHERE account_id = :account_id
               AND id = ANY(CAST(:customers AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, type) FROM product WHERE account_id = :account_id
               AND id = ANY(CAST(:products AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, json_build_array(customer_id, starting_at, ending_before)) FROM contract
             WHERE account_id = :account_id AND id = ANY(CAST(:contracts AS uuid[]))) AS text),
           CAST((SELECT json_object_agg(id, '') FROM unit WHERE account_id = :account_id
               AND id = ANY(CAST(:units AS uuid[]))) AS text)
""")


@dataclass(frozen=True, slots=True)
class StoredLine:
    """As much of a stored line as deduplication needs."""

    transaction_id: str
    request_id: str
    fingerprint: bytes
    fingerprint_version: int


def record_lines(
    connection: Connection,
    account_id: int,
    lines: Sequence[Mapping[str, Any]],
    *,
    fingerprint_version: int,
    batch_id: UUID | None,
    attempt: int,
    usage_grace_h: int,
    usage_settle_s: int,
    anew_before: datetime | None = None,
) -> set[str]:
    """Store the lines whose transaction id nobody used, and open their months; returns their request ids.

    A line before its customer's watermark is stored as late and opens nothing. To be called once in a transaction:
    a second call would lock customers behind lines.

    A month that was over when its first line came would be closed at once, without the rest of the file that brings
    it: it settles first, and each line that comes meanwhile puts that off, though not oftener than need be, and not
    for more than a day: the customer's later months wait as well.

    Args:
        connection: of the envelope's transaction.
        account_id: whose usage it is.
        lines: normal forms with `request_id`, each once, and `fingerprint` (as Postgres writes bytes), in the
            envelope's order: of two with one transaction id the first wins.
        fingerprint_version: of the normal form.
        batch_id: the batch they came with.
        attempt: the delivery, from 1.
        usage_grace_h: hours for which a month still takes usage in after its end.
        usage_settle_s: real seconds without another line, after which a month that was over is closed.
        anew_before: an id that has a refusal of before this instant is new (`trueup.store.requests.standing_outcomes`).
    """
    ((recorded,),) = _RECORD.run(
        connection,
        {
            "account_id": account_id,
            "lines": orjson.dumps(lines).decode(),
            "customers": _array({line["customer_id"] for line in lines}),
            "fingerprint_version": fingerprint_version,
            "batch_id": batch_id,
            "attempt": attempt,
            "usage_grace_h": usage_grace_h,
            "usage_settle_s": usage_settle_s,
            "anew_before": bound(anew_before),
        },
    )
    return set(recorded.split(",")) if recorded else set()


def find_lines(
    connection: Connection, account_id: int, *, request_ids: Collection[str], transaction_ids: Collection[str] = ()
) -> list[StoredLine]:
    """The account's lines with one of these request ids or transaction ids, in a snapshot of its own."""
    if not request_ids and not transaction_ids:
        return []
    wanted = {"request_ids": list(request_ids), "transaction_ids": list(transaction_ids)}
    return [StoredLine(*row) for row in _FIND.run(connection, {"account_id": account_id, **wanted})]


def look_up_terms(connection: Connection, account_id: int, wanted: References) -> KnownToUsage:
    """Look up which of `wanted` the account's catalog has, with the terms of the contracts, in one round trip."""
    (found,) = _KNOWN.run(
        connection,
        {
            "account_id": account_id,
            "customers": _array(wanted.customers),
            "products": _array(wanted.products),
            "contracts": _array(wanted.contracts),
            "units": _array(wanted.units),
        },
    )
    customers, products, contracts, units = (orjson.loads(each or "{}") for each in found)
    terms = {contract_id: _term(*each) for contract_id, each in contracts.items()}
    return KnownToUsage(customers=customers.keys(), products=products, contracts=terms, units=units.keys())


def register_unknown_terms(
    connection: Connection, account_id: int, lines: Iterable[Normal], known: KnownToUsage
) -> None:
    """Register, as bare records, what these lines name and the catalog lacks (open references).

    A product is of type USAGE, a contract the customer's of its first use, without an end.
    """
    found = list(lines)
    contracts: dict[str, Record] = {}
    for line in found:
        contracts.setdefault(line["contract_id"], {"customer_id": line["customer_id"], "starting_at": EVER})
    register_bare(
        connection,
        account_id,
        customers={line["customer_id"]: {} for line in found},
        products={line["product_id"]: {"type": "USAGE"} for line in found},
        contracts=contracts,
        units={line["credit_type_id"]: {} for line in found},
        known=known,
    )


def _term(customer_id: str, starting_at: str, ending_before: str | None) -> Term:
    ends = None if ending_before is None else datetime.fromisoformat(ending_before)
    return Term(customer_id, datetime.fromisoformat(starting_at), ends)


def _array(ids: Collection[str]) -> str:
    """A Postgres array literal of judged UUIDs."""
    return "{" + ",".join(ids) + "}"
