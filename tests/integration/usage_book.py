"""A book with usage: lines put where intake puts them, and a clock that is moved from month to month."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, text

from tests.conftest import by_hand
from trueup.domain.month import month_of
from trueup.ids import new_id
from trueup.store.accounts.accounts import create_account
from trueup.store.requests.commit_inserts import insert_new
from trueup.store.tables import contract, customer, product, unit, usage_line
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.invoicing.clock import advance_clock
from trueup_worker.invoicing.issue import Issued, issue_all_due

START = datetime(2030, 1, 1, tzinfo=UTC)
GRACE = timedelta(hours=24)
CUSTOMER = UUID("c0000000-0000-4000-8000-000000000001")
FEE = UUID("a0000000-0000-4000-8000-000000000001")
STORAGE = UUID("a0000000-0000-4000-8000-000000000002")
TRAFFIC = UUID("a0000000-0000-4000-8000-000000000003")
FIRST = UUID("b0000000-0000-4000-8000-000000000001")
SECOND = UUID("b0000000-0000-4000-8000-000000000002")
SILENT = UUID("b0000000-0000-4000-8000-000000000003")
EURO = UUID("e0000000-0000-4000-8000-000000000001")

_WATCHED = text("""
    WITH watched AS (SELECT usage_closed_before AS before FROM customer
                      WHERE account_id = :account_id AND id = :customer_id FOR SHARE),
    noted AS (INSERT INTO usage_month (account_id, customer_id, starting_at)
              SELECT :account_id, :customer_id, :month FROM watched
               WHERE before IS NULL OR before <= :at ON CONFLICT DO NOTHING)
    SELECT coalesce(before > :at, false) FROM watched
""")


class UsageBook:
    """A sandbox account whose customer has two contracts that are invoiced and one that is not."""

    def __init__(self, engine: Engine, *, sandbox: bool = True, name: str = "acme") -> None:
        self.engine = engine
        with engine.begin() as connection:
            made = create_account(connection, name, sandbox=sandbox, now=START)
            self.account_id = made.id
            self._catalog(connection)

    def commit(
        self,
        kind: str,
        amount: str,
        *,
        starts: datetime = START,
        ends: datetime = datetime(2031, 1, 1, tzinfo=UTC),
        at: datetime | None = None,
        paid: bool = True,
        **more: Any,
    ) -> UUID:
        """A commit or credit of one segment; a POSTPAID one is trued up at `at`, else at the end of access."""
        with self.engine.begin() as connection:
            return self.promise(connection, amount, kind, starts=starts, ends=ends, at=at, paid=paid, **more)

    def promise(
        self,
        connection: Connection,
        amount: str,
        kind: str = "POSTPAID",
        *,
        starts: datetime = START,
        ends: datetime = datetime(2031, 1, 1, tzinfo=UTC),
        at: datetime | None = None,
        paid: bool = True,
        **more: Any,
    ) -> UUID:
        """The same, in the caller's transaction."""
        key = new_id()
        row = {
            "id": str(key),
            "type": kind,
            "customer_id": str(CUSTOMER),
            "product_id": str(FEE),
            "priority": "1",
            "rate_type": "LIST_RATE",
            "access_type": "SPEND",
            "access_unit_id": USD_CENTS,
            "invoice_unit_id": USD_CENTS if kind != "CREDIT" and paid else None,
            "invoice_contract_id": str(FIRST) if kind != "CREDIT" and paid else None,
            "do_not_invoice": False,
            "fingerprint": "\\x00",
            **more,
        }
        segment = {
            "commit_id": str(key),
            "position": 0,
            "amount": amount,
            "starting_at": starts.isoformat(),
            "ending_before": ends.isoformat(),
        }
        true_up = {
            "id": str(new_id()),
            "commit_id": str(key),
            "position": 0,
            "kind": "TRUE_UP",
            "timestamp": (at or ends).isoformat(),
            "closes_at": (month_of(ends - timedelta(hours=1)).ending_before + GRACE).isoformat(),
            "unit_price": amount,
            "quantity": "1",
            "amount": amount,
        }
        insert_new(
            connection,
            self.account_id,
            commits=[row],
            segments=[segment],
            obligations=[true_up] if kind == "POSTPAID" else [],
            fingerprint_version=FINGERPRINT_VERSION,
            batch_id=None,
            attempt=1,
        )
        return key

    def use(self, at: datetime, quantity: str, price: str = "1", **more: Any) -> str:
        """Takes one usage line in, as intake does, in a transaction of its own; returns its transaction id."""
        with self.engine.begin() as connection:
            return self.take_in(connection, at, quantity, price, **more)

    def take_in(
        self,
        connection: Connection,
        at: datetime,
        quantity: str,
        price: str = "1",
        *,
        contract_id: UUID = FIRST,
        product_id: UUID = STORAGE,
        unit_id: UUID | str = USD_CENTS,
        commit_price: str | None = None,
        groups: Mapping[str, str] | None = None,
        customer_id: UUID = CUSTOMER,
    ) -> str:
        """Takes one usage line in, in the caller's transaction: it waits for whoever closes the customer's months."""
        which = {"account_id": self.account_id, "customer_id": customer_id}
        late = connection.execute(_WATCHED, which | {"at": at, "month": month_of(at).starting_at}).scalar_one()
        key = str(new_id())
        connection.execute(
            insert(usage_line).values(
                **which,
                transaction_id=key,
                request_id=new_id(),
                contract_id=contract_id,
                product_id=product_id,
                unit_id=unit_id,
                at=at,
                quantity=Decimal(quantity),
                list_price=Decimal(price),
                commit_price=Decimal(commit_price or price),
                pricing_group_values=groups,
                fingerprint=b"\x00",
                fingerprint_version=1,
                is_late=late,
            )
        )
        return key

    def go_to(self, instant: datetime) -> Issued:
        """Moves the clock and does what is due by it."""
        with self.engine.begin() as connection:
            advance_clock(connection, account_id=self.account_id, to=instant, actor="key")
        return self.work()

    def close(self, month: datetime) -> Issued:
        """Moves the clock to the end of this month's grace time and does what is due by it."""
        return self.go_to(month_of(month).ending_before + GRACE)

    def work(self) -> Issued:
        """Does what is due."""
        return issue_all_due(self.engine, self.account_id)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What a query finds, with `:account_id` filled in."""
        with self.engine.begin() as connection:
            return list(connection.execute(text(statement), {"account_id": self.account_id, **values}))

    def run(self, statement: str, **values: Any) -> None:
        """Executes a statement by hand, with `:account_id` filled in where it stands."""
        given = {"account_id": self.account_id} if ":account_id" in statement else {}
        with by_hand(self.engine) as connection:
            connection.execute(text(statement), given | values)

    def entries(self, commit_id: UUID) -> list[tuple[str, Decimal]]:
        """Type and amount of the commit's entries after the opening one, in booking order."""
        rows = self.rows(
            "SELECT type, amount FROM ledger_entry WHERE account_id = :account_id AND commit_id = :commit_id"
            " ORDER BY seq OFFSET 1",
            commit_id=commit_id,
        )
        return [(row.type, row.amount) for row in rows]

    def balance(self, commit_id: UUID) -> Decimal:
        """The sum of the commit's entries."""
        (row,) = self.rows("SELECT sum(amount) AS sum FROM ledger_entry WHERE commit_id = :id", id=commit_id)
        return Decimal(row.sum)

    def invoices(self) -> list[Any]:
        """The invoices in the order of their numbers."""
        return self.rows("SELECT * FROM invoice WHERE account_id = :account_id ORDER BY number")

    def lines(self, invoice_id: UUID) -> list[Any]:
        """The lines of an invoice or period."""
        return self.rows("SELECT * FROM invoice_line WHERE invoice_id = :id ORDER BY position", id=invoice_id)

    def watermark(self, customer_id: UUID = CUSTOMER) -> datetime | None:
        """Before which the customer's usage is final."""
        (row,) = self.rows("SELECT usage_closed_before FROM customer WHERE id = :id", id=customer_id)
        found: datetime | None = row.usage_closed_before
        return found

    def events(self) -> list[tuple[str, list[UUID]]]:
        """What was written to the outbox, but for what was created."""
        rows = self.rows("SELECT * FROM outbox WHERE account_id = :account_id AND event !~ 'created' ORDER BY seq")
        return [(row.event, row.subject_ids) for row in rows]

    def _catalog(self, connection: Connection) -> None:
        own = {"account_id": self.account_id}
        connection.execute(insert(customer).values(id=CUSTOMER, name="Acme Ltd", **own))
        connection.execute(insert(unit).values(id=EURO, name="EUR (cents)", **own))
        for key, name, kind in ((FEE, "Fee", "FIXED"), (STORAGE, "Storage", "USAGE"), (TRAFFIC, "Traffic", "USAGE")):
            connection.execute(insert(product).values(id=key, name=name, type=kind, **own))
        for key, invoicing in ((FIRST, "MONTHLY"), (SECOND, "MONTHLY"), (SILENT, "NONE")):
            made = {"id": key, "customer_id": CUSTOMER, "starting_at": START, "usage_invoicing": invoicing}
            connection.execute(insert(contract).values(**made, **own))
