"""An account's book for tests: commits made by the very statement that intake uses, and what became of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, text

from tests.conftest import by_hand
from trueup.ids import new_id
from trueup.store.requests.commit_inserts import insert_new
from trueup.store.tables import contract, customer, product
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.normal import FINGERPRINT_VERSION

CUSTOMER = UUID("c0000000-0000-4000-8000-000000000001")
PRODUCT = UUID("a0000000-0000-4000-8000-000000000001")
CONTRACT = UUID("b0000000-0000-4000-8000-000000000001")
LAST_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

Item = tuple[datetime, str]


class Book:
    """One account with one customer, one contract and one product called Platform fee."""

    def __init__(self, engine: Engine, account_id: int) -> None:
        self.engine, self.account_id = engine, account_id
        with engine.begin() as connection:
            self._catalog(connection)

    def prepaid(self, *items: Item, name: str | None = None, **more: Any) -> UUID:
        """A PREPAID commit of 100 that is invoiced by these items (timestamp, amount)."""
        charges = [(at, amount, "1", amount) for at, amount in items]
        return self.prepaid_in_bulk([charges], name=name, **more)[0]

    def prepaid_in_bulk(self, schedules: list[list[tuple[datetime, str, str, str]]], **more: Any) -> list[UUID]:
        """One PREPAID commit per schedule of charges (timestamp, unit price, quantity, amount)."""
        ids = [new_id() for _ in schedules]
        obligations = [
            _obligation(commit_id, position, charge, kind="SCHEDULED", suppressed_by=more.get("suppressed_by"))
            for commit_id, schedule in zip(ids, schedules, strict=True)
            for position, charge in enumerate(schedule)
        ]
        self._insert("PREPAID", dict.fromkeys(ids, "100"), obligations, **more)
        return ids

    def postpaid(self, amount: str, *, at: datetime = LAST_YEAR, ends: datetime = LAST_YEAR, **more: Any) -> UUID:
        """A POSTPAID commit whose access ends at `ends` and whose true-up is scheduled at `at`."""
        return self.postpaid_in_bulk([amount], at=at, ends=ends, **more)[0]

    def postpaid_in_bulk(self, amounts: list[str], *, at: datetime, ends: datetime, **more: Any) -> list[UUID]:
        """One POSTPAID commit per amount, alike but for that."""
        grants = {new_id(): amount for amount in amounts}
        shared = {"kind": "TRUE_UP", "closes_at": ends.isoformat(), "suppressed_by": more.get("suppressed_by")}
        obligations = [_obligation(key, 0, (at, amount, "1", amount), **shared) for key, amount in grants.items()]
        self._insert("POSTPAID", grants, obligations, ends=ends, **more)
        return list(grants)

    def credit(self, *amounts: str) -> UUID:
        """A credit with one segment per amount."""
        key = new_id()
        self._insert("CREDIT", {key: amounts}, [])
        return key

    def entry(self, commit_id: UUID, kind: str, amount: Decimal) -> None:
        """Books an entry on the commit's first segment, as the closing of a usage period would."""
        self.run(
            "INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at) "
            "SELECT account_id, commit_id, id, :kind, :amount, now() FROM segment "
            " WHERE account_id = :account_id AND commit_id = :commit_id AND position = 0",
            commit_id=commit_id,
            kind=kind,
            amount=amount,
        )

    def entries(self, commit_id: UUID) -> list[tuple[str, Decimal]]:
        """Type and amount of the commit's entries, in booking order."""
        rows = self.rows(
            "SELECT * FROM ledger_entry WHERE account_id = :account_id AND commit_id = :commit_id ORDER BY seq",
            commit_id=commit_id,
        )
        return [(row.type, row.amount) for row in rows]

    def state(self, commit_id: UUID) -> str:
        """The state of the commit's first obligation."""
        (row,) = self.rows(
            "SELECT state FROM obligation WHERE account_id = :account_id AND commit_id = :commit_id AND position = 0",
            commit_id=commit_id,
        )
        return str(row.state)

    def invoices(self) -> list[Any]:
        """The invoices in the order of their numbers."""
        return self.rows("SELECT * FROM invoice WHERE account_id = :account_id ORDER BY number")

    def events(self) -> list[tuple[str, list[UUID], dict[str, Any]]]:
        """What invoicing wrote to the outbox."""
        rows = self.rows("SELECT * FROM outbox WHERE account_id = :account_id AND event !~ 'created' ORDER BY seq")
        return [(row.event, row.subject_ids, row.detail) for row in rows]

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What a query finds, with `:account_id` filled in."""
        with self.engine.begin() as connection:
            return list(connection.execute(text(statement), {"account_id": self.account_id, **values}))

    def run(self, statement: str, **values: Any) -> None:
        """Executes a statement by hand, with `:account_id` filled in where it stands."""
        given = {"account_id": self.account_id} if ":account_id" in statement else {}
        with by_hand(self.engine) as connection:
            connection.execute(text(statement), given | values)

    def _insert(
        self,
        kind: str,
        grants: dict[UUID, Any],
        obligations: list[dict[str, Any]],
        *,
        ends: datetime = LAST_YEAR,
        name: str | None = None,
        suppressed_by: str | None = None,
        contract_id: UUID | None = CONTRACT,
        recurring_schedule: dict[str, str] | None = None,
    ) -> None:
        commits = [
            {
                "id": str(commit_id),
                "type": kind,
                "customer_id": str(CUSTOMER),
                "product_id": str(PRODUCT),
                "name": name,
                "priority": "1",
                "rate_type": "LIST_RATE",
                "access_type": "SPEND",
                "access_unit_id": USD_CENTS,
                "invoice_unit_id": USD_CENTS if obligations else None,
                "invoice_contract_id": str(contract_id) if contract_id else None,
                "do_not_invoice": suppressed_by == "do_not_invoice",
                "recurring_schedule": recurring_schedule,
                "fingerprint": "\\x00",
            }
            for commit_id in grants
        ]
        segments = [
            {
                "commit_id": str(commit_id),
                "position": position,
                "amount": amount,
                "starting_at": (ends - timedelta(days=365)).isoformat(),
                "ending_before": ends.isoformat(),
            }
            for commit_id, amounts in grants.items()
            for position, amount in enumerate([amounts] if isinstance(amounts, str) else amounts)
        ]
        with self.engine.begin() as connection:
            insert_new(
                connection,
                self.account_id,
                commits=commits,
                segments=segments,
                obligations=obligations,
                fingerprint_version=FINGERPRINT_VERSION,
                batch_id=None,
                attempt=1,
            )

    def _catalog(self, connection: Connection) -> None:
        own = {"account_id": self.account_id}
        connection.execute(insert(customer).values(id=CUSTOMER, name="Acme Ltd", **own))
        connection.execute(insert(product).values(id=PRODUCT, name="Platform fee", type="FIXED", **own))
        connection.execute(insert(contract).values(id=CONTRACT, customer_id=CUSTOMER, starting_at=LONG_AGO, **own))


def _obligation(commit_id: UUID, position: int, charge: tuple[datetime, str, str, str], **more: Any) -> dict[str, Any]:
    at, unit_price, quantity, amount = charge
    return {
        "id": str(new_id()),
        "commit_id": str(commit_id),
        "position": position,
        "timestamp": at.isoformat(),
        "unit_price": unit_price,
        "quantity": quantity,
        "amount": amount,
        **more,
    }
