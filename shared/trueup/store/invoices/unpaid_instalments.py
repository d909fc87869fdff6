"""Instalments whose invoices are void and that are to be billed anew: their access stays usable, unpaid as it is."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, text

# By way of the invoices: what is void stands in no other index of a commit's obligations.
_UNPAID = """
    SELECT i.commit_id, sum(o.amount) AS amount
      FROM invoice AS i
      JOIN obligation AS o ON o.account_id = i.account_id AND o.id = i.id
      JOIN commit AS c ON c.account_id = i.account_id AND c.id = i.commit_id
     WHERE i.account_id = :account_id AND {which} AND i.status = 'VOID'
       AND o.kind = 'SCHEDULED' AND o.suppressed_by IS NULL AND c.archived_at IS NULL
       AND NOT EXISTS (SELECT FROM obligation AS n WHERE n.account_id = o.account_id AND n.regenerated_from_id = o.id)
     GROUP BY i.commit_id
"""
_OF_COMMITS = text(_UNPAID.format(which="i.commit_id = ANY(CAST(:ids AS uuid[]))"))
_OF_CUSTOMER = text(_UNPAID.format(which="i.customer_id = :customer_id"))


def unpaid_instalments(connection: Connection, account_id: int, ids: Collection[UUID]) -> Mapping[UUID, Decimal]:
    """Amounts of these commits that nobody is asked to pay, in the unit of their invoices; others are left out.

    An instalment is made anew by regenerating its void invoice; an archived commit gives no access.
    """
    if not ids:
        return {}
    rows = connection.execute(_OF_COMMITS, {"account_id": account_id, "ids": list(ids)})
    return {row.commit_id: row.amount for row in rows}


def unpaid_of_customer(connection: Connection, account_id: int, customer_id: UUID) -> Mapping[str, Decimal]:
    """As `unpaid_instalments`, of all commits of a customer, by their ids as text."""
    rows = connection.execute(_OF_CUSTOMER, {"account_id": account_id, "customer_id": customer_id})
    return {str(row.commit_id): row.amount for row in rows}
