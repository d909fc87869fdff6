"""Taking back what was finalized, and making it anew: the statements of void and regenerate.

Locks are taken in the order that holds everywhere: obligations, customers, then what belongs to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.events.outbox import announce
from trueup.store.invoices.true_ups import reopen_true_ups
from trueup.store.postgres.rows import fetch_all, fetch_one
from trueup.store.usage.periods import UsagePeriod

_INVOICE = text("""
    SELECT number, voided_at, paid_at IS NOT NULL AS is_paid, exported_at IS NOT NULL AS is_exported
      FROM invoice WHERE account_id = :account_id AND id = :id
""")

_OBLIGATION = """
    SELECT state, kind, reason, commit_id,
           (SELECT customer_id FROM commit AS c WHERE c.account_id = o.account_id AND c.id = o.commit_id) AS customer_id
      FROM obligation AS o WHERE account_id = :account_id AND id = :id
"""
_FIND_OBLIGATION = text(_OBLIGATION)
_LOCK_OBLIGATION = text(f"{_OBLIGATION} FOR UPDATE")

# The entries of a period are found by the customer's commits: the ledger is kept in their order.
_DRAWN_BY_PERIOD = text("""
    SELECT DISTINCT e.commit_id, e.segment_id
      FROM commit AS c JOIN ledger_entry AS e ON e.account_id = c.account_id AND e.commit_id = c.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND e.period_id = :id
     ORDER BY e.commit_id, e.segment_id
""")

_SET_MARK = {
    mark: text(f"""
        UPDATE invoice SET {mark}_at = CASE WHEN :is_set THEN now() END
         WHERE account_id = :account_id AND id = :id AND status = 'FINALIZED' AND ({mark}_at IS NOT NULL) <> :is_set
    """)
    for mark in ("paid", "exported")
}

_MARK_INVOICES_VOID = text("""
    UPDATE invoice AS i SET status = 'VOID', voided_at = coalesce(a.clock_at, now())
      FROM account AS a WHERE a.id = :account_id AND i.account_id = :account_id AND i.id = ANY(CAST(:ids AS uuid[]))
    RETURNING i.voided_at
""")

_MARK_PERIOD_VOID = text("""
    UPDATE usage_period AS p SET voided_at = coalesce(a.clock_at, now())
      FROM account AS a WHERE a.id = :account_id AND p.account_id = :account_id AND p.id = :id
    RETURNING p.voided_at
""")

_MARK_OBLIGATIONS_VOID = text("""
    UPDATE obligation SET state = 'voided' WHERE account_id = :account_id AND id = ANY(CAST(:ids AS uuid[]))
""")

_OPPOSITE = """
    INSERT INTO ledger_entry (
        account_id, commit_id, segment_id, type, amount, effective_at, invoice_id, period_id, reason)
    SELECT e.account_id, e.commit_id, e.segment_id, e.type, -sum(e.amount), e.effective_at, e.invoice_id, e.period_id,
           :reason
      FROM {source}
     GROUP BY e.account_id, e.commit_id, e.segment_id, e.type, e.effective_at, e.invoice_id, e.period_id
    HAVING sum(e.amount) <> 0
     ORDER BY e.commit_id, e.segment_id, e.type, e.effective_at
"""
_TAKE_BACK_PERIOD = text(
    _OPPOSITE.format(
        source="""commit AS c JOIN ledger_entry AS e ON e.account_id = c.account_id AND e.commit_id = c.id
     WHERE c.account_id = :account_id AND c.customer_id = :customer_id AND e.period_id = :id"""
    )
)
_TAKE_BACK_TRUE_UPS = text(
    _OPPOSITE.format(
        source="""unnest(CAST(:commit_ids AS uuid[]), CAST(:ids AS uuid[])) AS chosen (commit_id, id)
      JOIN ledger_entry AS e
        ON e.account_id = :account_id AND e.commit_id = chosen.commit_id AND e.invoice_id = chosen.id
     WHERE e.type = 'POSTPAID_COMMIT_TRUEUP'"""
    )
)
_TAKE_BACK_EXPIRATIONS = text(
    _OPPOSITE.format(
        source="""unnest(CAST(:commit_ids AS uuid[]), CAST(:segment_ids AS uuid[])) AS s (commit_id, id)
      JOIN ledger_entry AS e
        ON e.account_id = :account_id AND e.commit_id = s.commit_id AND e.segment_id = s.id
     WHERE e.type IN ('PREPAID_COMMIT_EXPIRATION', 'CREDIT_EXPIRATION', 'POSTPAID_COMMIT_EXPIRATION')"""
    )
)

_EXPIRE_ANEW = text("""
    UPDATE segment AS s SET expires = true
      FROM commit AS c,
           unnest(CAST(:commit_ids AS uuid[]), CAST(:segment_ids AS uuid[])) AS chosen (commit_id, id)
     WHERE s.account_id = :account_id AND s.commit_id = chosen.commit_id AND s.id = chosen.id
       AND c.account_id = :account_id AND c.id = s.commit_id AND c.type <> 'POSTPAID' AND NOT s.expires
""")


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """As much of a finalized invoice as void and regenerate need."""

    number: int
    voided_at: datetime | None
    is_paid: bool
    is_exported: bool

    @property
    def marks(self) -> str:
        """Mark of others (paid, exported), for people; empty where there are none."""
        return " and ".join(mark for mark, is_set in (("paid", self.is_paid), ("exported", self.is_exported)) if is_set)


@dataclass(frozen=True, slots=True)
class ObligationRow:
    """An obligation, and whose it is."""

    state: str
    kind: str
    reason: str | None
    commit_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class Drawn:
    """A segment, and the commit that it belongs to."""

    commit_id: UUID
    segment_id: UUID


def find_invoice(connection: Connection, account_id: int, invoice_id: UUID) -> InvoiceRow | None:
    """A finalized or void invoice."""
    return fetch_one(connection, InvoiceRow, _INVOICE, {"account_id": account_id, "id": invoice_id})


def find_obligation(connection: Connection, account_id: int, obligation_id: UUID) -> ObligationRow | None:
    """An obligation as it is, for the time being."""
    return fetch_one(connection, ObligationRow, _FIND_OBLIGATION, {"account_id": account_id, "id": obligation_id})


def lock_obligation(connection: Connection, account_id: int, obligation_id: UUID) -> ObligationRow | None:
    """Wait for whoever settles, voids or regenerates it, and keep others off until the transaction ends."""
    return fetch_one(connection, ObligationRow, _LOCK_OBLIGATION, {"account_id": account_id, "id": obligation_id})


def drawn_by(connection: Connection, account_id: int, period: UsagePeriod) -> list[Drawn]:
    """The segments that a period drew on."""
    which = {"account_id": account_id, "customer_id": period.customer_id, "id": period.id}
    return fetch_all(connection, Drawn, _DRAWN_BY_PERIOD, which)


def set_mark(connection: Connection, account_id: int, invoice_id: UUID, *, mark: str, is_set: bool) -> bool:
    """Mark an invoice `paid` or `exported`, or take that back; returns whether that changed anything."""
    given = {"account_id": account_id, "id": invoice_id, "is_set": is_set}
    return bool(connection.execute(_SET_MARK[mark], given).rowcount)


def void_scheduled(
    connection: Connection, account_id: int, invoice_id: UUID, *, commit_id: UUID, reason: str
) -> datetime:
    """Void an invoice of a commit and take back what a true-up booked; returns the account's present."""
    return void_all_scheduled(connection, account_id, {invoice_id: commit_id}, reason=reason)


def void_all_scheduled(
    connection: Connection, account_id: int, commit_ids: Mapping[UUID, UUID], *, reason: str
) -> datetime:
    """As `void_scheduled`, of at least one invoice, with the commits that they bill by their ids."""
    ids = list(commit_ids)
    which = {"account_id": account_id, "ids": ids}
    connection.execute(_TAKE_BACK_TRUE_UPS, which | {"commit_ids": list(commit_ids.values()), "reason": reason})
    connection.execute(_MARK_OBLIGATIONS_VOID, which)
    return _void_invoices(connection, account_id, ids)


def void_period(
    connection: Connection, account_id: int, period: UsagePeriod, *, drawn: Sequence[Drawn], reason: str
) -> datetime:
    """Void a usage period, and its invoice if it has one, with its deductions and the expirations since.

    True-ups that were settled without an invoice on the strength of it are to be settled anew: while nothing replaces
    the period, they are held.

    Returns:
        The account's present.
    """
    which = {"account_id": account_id, "id": period.id}
    connection.execute(_TAKE_BACK_PERIOD, which | {"customer_id": period.customer_id, "reason": reason})
    take_back_expirations(connection, account_id, drawn, reason=reason)
    reopen_true_ups(connection, account_id, period.customer_id, {each.commit_id for each in drawn})
    if period.is_invoiced:
        _void_invoices(connection, account_id, [period.id])
    voided_at: datetime = connection.execute(_MARK_PERIOD_VOID, which).scalar_one()
    return voided_at


def take_back_expirations(connection: Connection, account_id: int, segments: Sequence[Drawn], *, reason: str) -> None:
    """Take back what expired of these segments; what is left of them is to expire anew."""
    chosen = {
        "account_id": account_id,
        "commit_ids": [each.commit_id for each in segments],
        "segment_ids": [each.segment_id for each in segments],
    }
    connection.execute(_TAKE_BACK_EXPIRATIONS, chosen | {"reason": reason})
    connection.execute(_EXPIRE_ANEW, chosen)


def _void_invoices(connection: Connection, account_id: int, ids: Sequence[UUID]) -> datetime:
    voided = connection.scalars(_MARK_INVOICES_VOID, {"account_id": account_id, "ids": list(ids)})
    voided_at: datetime = voided.all()[0]
    announce(connection, account_id, "invoice.voided", ids)
    return voided_at
