"""Units in which the amounts of commits are counted."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.domain.unit import PIECES, Unit
from trueup.store.catalog.units import units_of

_UNITS_OF = text("""
    SELECT c.id, c.access_type, CAST(c.access_unit_id AS text) AS access, CAST(c.invoice_unit_id AS text) AS invoice
      FROM commit AS c
     WHERE c.account_id = :account_id AND c.id = ANY(:ids)
""")


class CommitUnits(NamedTuple):
    """Units of a commit.

    Attributes:
        access: of segments and ledger; `PIECES` of usage, where quantities are drawn; None: the catalog has it not.
        invoice: of what is invoiced; None: nothing is.
    """

    access: Unit | None
    invoice: Unit | None


def units_of_commits(connection: Connection, account_id: int, ids: Collection[UUID]) -> dict[UUID, CommitUnits]:
    """The units of these commits, as far as the account has them."""
    rows = connection.execute(_UNITS_OF, {"account_id": account_id, "ids": list(ids)})
    units = units_of(connection, account_id)
    return {
        row.id: CommitUnits(
            PIECES if row.access_type == "QUANTITY" else units.get(row.access), units.get(row.invoice or "")
        )
        for row in rows
    }
