"""Units in which the amounts of commits are counted."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

_UNITS_OF = text("""
    SELECT c.id, CASE c.access_type WHEN 'QUANTITY' THEN '' ELSE access.name END AS access, invoice.name AS invoice
      FROM commit AS c
      LEFT JOIN unit AS access ON access.account_id = c.account_id AND access.id = c.access_unit_id
      LEFT JOIN unit AS invoice ON invoice.account_id = c.account_id AND invoice.id = c.invoice_unit_id
     WHERE c.account_id = :account_id AND c.id = ANY(:ids)
""")


class CommitUnits(NamedTuple):
    """Names of the units of a commit.

    Attributes:
        access: of segments and ledger; "": they count pieces of usage; None: the catalog does not name it.
        invoice: of what is invoiced; None: nothing is.
    """

    access: str | None
    invoice: str | None


def units_of_commits(connection: Connection, account_id: int, ids: Collection[UUID]) -> dict[UUID, CommitUnits]:
    """The units of these commits, as far as the account has them."""
    rows = connection.execute(_UNITS_OF, {"account_id": account_id, "ids": list(ids)})
    return {row.id: CommitUnits(row.access, row.invoice) for row in rows}
