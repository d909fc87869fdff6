"""Segments of commits that somebody promised to pay for, with their contracts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.commits.revaluations import COMMITS_WITH_WORTH

_PROMISED = """
     WHERE c.account_id = :account_id AND c.type IN ('PREPAID', 'POSTPAID') AND c.archived_at IS NULL
       AND c.invoice_unit_id IS NOT NULL AND s.starting_at >= :since AND s.starting_at < :until"""
# An open contract has no end: FOCUS wants one, so it is that of the last access which was promised under it. These ends
# are found for all contracts at once: an open contract has many commits, and each of them many segments.
PROMISED_SEGMENTS = text(f"""
    WITH last_access AS MATERIALIZED (
        SELECT o.customer_id, o.invoice_contract_id, max(access.ending_before) AS ending_before FROM commit AS o
          JOIN segment AS access ON access.account_id = o.account_id AND access.commit_id = o.id AND access.amount > 0
         WHERE o.account_id = :account_id AND o.invoice_contract_id IS NOT NULL
         GROUP BY o.customer_id, o.invoice_contract_id
    )
    SELECT s.id, s.amount, s.starting_at, s.ending_before, c.type, c.access_type,
           coalesce(c.name, product.name) AS name, c.access_unit_id, c.invoice_unit_id,
           c.invoice_contract_id AS contract_id, contract.starting_at AS contract_starting_at,
           coalesce(contract.ending_before, last.ending_before) AS contract_ending_before,
           coalesce(worth.instalments, 0) AS instalments, coalesce(worth.access, 0) AS access
      FROM commit AS c
      LEFT JOIN {COMMITS_WITH_WORTH} AS worth ON worth.id = c.id
      JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id AND s.amount > 0
      JOIN contract ON contract.account_id = c.account_id AND contract.id = c.invoice_contract_id
      LEFT JOIN last_access AS last
        ON last.customer_id = c.customer_id AND last.invoice_contract_id = c.invoice_contract_id
      LEFT JOIN product ON product.account_id = c.account_id AND product.id = c.product_id{_PROMISED}
     ORDER BY c.id, s.position
""")
"""Of the commits that are in use, those whose access begins in a span; the columns are the fields below."""

_WITHOUT_CONTRACT = text(f"""
    SELECT count(*) FROM commit AS c
      JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id AND s.amount > 0{_PROMISED}
       AND c.invoice_contract_id IS NULL
""")


@dataclass(frozen=True, slots=True)
class PromisedSegment:
    """A segment, its commit and its contract."""

    id: UUID
    amount: Decimal
    starting_at: datetime
    ending_before: datetime
    type: str
    access_type: str
    name: str | None
    access_unit_id: UUID
    invoice_unit_id: UUID
    contract_id: UUID
    contract_starting_at: datetime
    contract_ending_before: datetime
    instalments: Decimal
    access: Decimal


def count_without_contract(connection: Connection, account_id: int, *, since: datetime, until: datetime) -> int:
    """The number of segments that would be among them, but for their commits' contract: nobody invoices these."""
    span = {"account_id": account_id, "since": since, "until": until}
    count: int = connection.execute(_WITHOUT_CONTRACT, span).scalar_one()
    return count
