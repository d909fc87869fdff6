"""A year of some customers, simulated: commits, usage, changes and mishaps, all of them chosen by a seed."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from tests.conftest import SECRET_KEY
from trueup.producer.client import CommitProducer, UsageProducer
from trueup.store.accounts.accounts import create_account
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup.store.catalog.catalog import load_catalog
from trueup.wire.catalog import read_catalog
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.disable_true_up import disable_true_up
from trueup_worker.commit_changes.edit import EditSettings, edit_commit
from trueup_worker.commit_changes.end_date import end_commit
from trueup_worker.commit_changes.refusal import ChangeRefused, InvalidChange
from trueup_worker.invoicing.adjust import AdjustmentRefused, adjust_commit
from trueup_worker.invoicing.clock import advance_clock
from trueup_worker.invoicing.correct import correct_month
from trueup_worker.invoicing.regenerate import RegenerateRefused, regenerate_invoice, regenerate_month
from trueup_worker.invoicing.release import ReleaseRefused, release_obligation
from trueup_worker.invoicing.void import VoidRefused, void_invoice

START = datetime(2030, 1, 1, tzinfo=UTC)
SECONDS_MAX = 120.0
CUSTOMERS, LINES_A_MONTH, CHANGES_A_MONTH = 4, 160, 8
REFUSED = (AdjustmentRefused, ChangeRefused, InvalidChange, RegenerateRefused, ReleaseRefused, VoidRefused)

Body = dict[str, Any]


def month_start(number: int) -> datetime:
    """The start of a month, counted from January 2030 as 0."""
    return START.replace(year=START.year + number // 12, month=number % 12 + 1)


class Year:
    """What happens to an account; workers and schedulers are somebody else's business.

    Attributes:
        done: how often each thing was done, and how often it was refused.
    """

    def __init__(self, engine: Engine, *, database_url: str, broker_url: str, seed: int) -> None:
        self.engine, self.chance, self.done = engine, Random(seed), Counter[str]()
        self.fee, *self.products = [self._id() for _ in range(4)]
        self.customers = {self._id(): [self._id(), self._id()] for _ in range(CUSTOMERS)}
        with engine.begin() as connection:
            self.account_id = create_account(connection, "year", sandbox=True, now=START).id
            load_catalog(connection, self.account_id, read_catalog(json.dumps(self._catalog()).encode()))
            token = create_token(connection, account_id=self.account_id, scopes=SCOPES, secret_key=SECRET_KEY)
        where = {"broker_url": broker_url, "database_url": database_url, "token": token, "account": "year"}
        self.commits, self.usage = CommitProducer(**where), UsageProducer(**where)

    def close(self) -> None:
        """Lets go of the connections."""
        self.commits.close()
        self.usage.close()

    def begin(self) -> None:
        """Every customer has a postpaid commit over the year, a prepaid one billed by the quarter, and a credit."""
        bodies = []
        for customer in self.customers:
            quarters = [(month_start(number), 250) for number in (0, 3, 6, 9)]
            bodies += [
                self._commit(customer, 0, 12, 9_000, kind="POSTPAID", items=[(month_start(12), 9_000)]),
                self._commit(customer, 0, 12, 1_000, kind="PREPAID", items=quarters),
            ]
        self._send(self.commits, self.commits.submit_many(bodies), "commits")
        credits_ = [self._commit(customer, 0, 6, 300, kind=None) for customer in self.customers]
        self._send(self.commits, self.commits.submit_many(credits_, kind="credit"), "credits")

    def live(self, month: int) -> None:
        """A month: usage, some of it late, new commits, and changes."""
        lines = [self._line(month, number) for number in range(LINES_A_MONTH)]
        late = [self._line(month - 1, number, late=True) for number in range(4 if month else 0)]
        repeated = self.chance.sample(lines, 5)
        self._send(self.usage, self.usage.submit_many([*lines, *late, *repeated]), "lines of usage")
        self._send(self.commits, self.commits.submit_many([self._new_commit(month)]), "commits")
        for _ in range(CHANGES_A_MONTH if month else 0):
            self._try(self.chance.choice(CHANGES), month)

    def advance(self, to: datetime) -> None:
        """Moves the clock."""
        with self.engine.begin() as connection:
            advance_clock(connection, account_id=self.account_id, to=to, actor="year")

    def release_all(self) -> None:
        """Lets every true-up be made that was held; where the void usage had charged more, the year is put right."""
        held = "SELECT o.id, c.customer_id FROM obligation AS o JOIN commit AS c ON c.id = o.commit_id"
        for row in self.rows(f"{held} WHERE o.state = 'held' ORDER BY o.id"):
            with self.engine.begin() as connection:
                try:
                    self.release(connection, row.id)
                except ReleaseRefused:
                    self.correct(connection, row.customer_id)

    def release(self, connection: Connection, obligation_id: UUID) -> None:
        """Lets a true-up be made that was held."""
        release_obligation(
            connection, account_id=self.account_id, obligation_id=obligation_id, actor="year", reason="agreed"
        )

    def correct(self, connection: Connection, customer_id: UUID) -> None:
        """Puts all months of a customer right."""
        correct_month(
            connection,
            account_id=self.account_id,
            customer_id=customer_id,
            month=month_start(0),
            reason="agreed",
            actor="year",
            usage_grace_h=24,
        )

    def rows(self, query: str, **values: Any) -> list[Any]:
        """What a query finds."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def _send(self, producer: CommitProducer | UsageProducer, ids: list[UUID], what: str) -> None:
        outcomes = producer.wait(ids, timeout_s=SECONDS_MAX)
        assert {outcomes[each].outcome for each in ids} == {"created"}
        self.done[what] += len(ids)

    def _try(self, change: "Change", month: int) -> None:
        name = change.__name__.strip("_").replace("_", " ")
        try:
            with self.engine.begin() as connection:
                change(self, connection, month)
        except REFUSED:
            name += ", refused"
        self.done[name] += 1

    def _id(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def _catalog(self) -> Body:
        return {
            "customers": [{"id": key, "name": f"Customer {n}"} for n, key in enumerate(self.customers)],
            "products": [
                {"id": self.fee, "name": "Commitment", "type": "FIXED"},
                *({"id": key, "name": f"Product {n}", "type": "USAGE"} for n, key in enumerate(self.products)),
            ],
            "contracts": [
                {"id": key, "customer_id": customer, "starting_at": "2029-01-01T00:00:00Z", "usage_invoicing": how}
                for customer, (monthly, silent) in self.customers.items()
                for key, how in ((monthly, "MONTHLY"), (silent, "NONE"))
            ],
        }

    def _commit(
        self,
        customer: str,
        first: int,
        last: int,
        amount: int,
        *,
        kind: str | None,
        items: list[tuple[datetime, int]] | None = None,
        **more: Any,
    ) -> Body:
        window = {"starting_at": month_start(first).isoformat(), "ending_before": month_start(last).isoformat()}
        body = {
            "customer_id": customer,
            "priority": self.chance.randint(1, 3),
            "product_id": self.fee,
            "access_schedule": {"schedule_items": [{"amount": amount, **window}]},
            **more,
        }
        if kind:
            body["type"] = kind
        if items:
            schedule = [{"timestamp": at.isoformat(), "amount": charge} for at, charge in items]
            body |= {
                "invoice_contract_id": self.customers[customer][0],
                "invoice_schedule": {"schedule_items": schedule},
            }
        return body

    def _new_commit(self, month: int) -> Body:
        """Of some months from now, or from some months ago: then its true-up may be held."""
        customer, amount = self.chance.choice(list(self.customers)), self.chance.randint(50, 900)
        first = max(0, month - self.chance.randint(0, 2))
        last = first + self.chance.randint(1, 6)
        kind = self.chance.choice(["PREPAID", "POSTPAID"])
        more: Body = {"applicable_product_ids": self.chance.sample(self.products, 2)} if month % 2 else {}
        return self._commit(customer, first, last, amount, kind=kind, items=[(month_start(last), amount)], **more)

    def _line(self, month: int, number: int, *, late: bool = False) -> Body:
        customer = self.chance.choice(list(self.customers))
        at = month_start(month) + timedelta(minutes=self.chance.randrange(27 * 24 * 60))
        return {
            "transaction_id": f"{'late' if late else 'used'} {month} {number}",
            "customer_id": customer,
            "contract_id": self.chance.choices(self.customers[customer], [3, 1])[0],
            "product_id": self.chance.choice(self.products),
            "timestamp": at.isoformat(),
            "quantity": self.chance.randint(0, 3_000) / 100,
            "list_price": self.chance.choice([0, 0.3, 1, 1.75]),
            "pricing_group_values": {"region": self.chance.choice(["eu", "us"])},
        }

    def one_of(self, connection: Connection, query: str) -> Any:
        """One of the rows that a query finds; whatever finds none is refused."""
        found = list(connection.execute(text(query), {"account_id": self.account_id}))
        if not found:
            raise VoidRefused("there is none")
        return self.chance.choice(found)


Change = Callable[[Year, Connection, int], object]
_AN_INVOICE = "SELECT id FROM invoice WHERE account_id = :account_id"
_A_COMMIT = "SELECT id, type FROM commit WHERE account_id = :account_id ORDER BY id"


def _edit(year: Year, connection: Connection, _month: int) -> None:
    edit_commit(
        connection,
        account_id=year.account_id,
        commit_id=year.one_of(connection, _A_COMMIT).id,
        change={"priority": Decimal(year.chance.randint(1, 5))},
        actor="year",
        settings=EditSettings(usage_grace_h=24),
    )


def _edit_scope(year: Year, connection: Connection, _month: int) -> None:
    products = year.chance.choice([None, year.chance.sample(year.products, 2)])
    edit_commit(
        connection,
        account_id=year.account_id,
        commit_id=year.one_of(connection, _A_COMMIT).id,
        change={"applicable_product_ids": products},
        actor="year",
        settings=EditSettings(usage_grace_h=24),
    )


def _edit_access(year: Year, connection: Connection, month: int) -> None:
    """The amount, for a promise that of its true-up too, and when access ends."""
    query = """
        SELECT s.commit_id, s.id, o.id AS true_up FROM segment AS s
          LEFT JOIN obligation AS o ON o.commit_id = s.commit_id AND o.kind = 'TRUE_UP' AND o.state <> 'voided'
         WHERE s.account_id = :account_id AND s.amount > 0 ORDER BY s.commit_id, s.position
    """
    found, amount = year.one_of(connection, query), Decimal(year.chance.randint(50, 12_000))
    end = month_start(month + year.chance.randint(1, 6))
    change: Any = {
        "access_schedule": {"update_schedule_items": [{"id": str(found.id), "amount": amount, "ending_before": end}]}
    }
    if found.true_up:
        change["invoice_schedule"] = {"update_schedule_items": [{"id": str(found.true_up), "amount": amount}]}
    edit_commit(
        connection,
        account_id=year.account_id,
        commit_id=found.commit_id,
        change=change,
        actor="year",
        settings=EditSettings(usage_grace_h=24),
    )


def _end_early(year: Year, connection: Connection, month: int) -> None:
    end_commit(
        connection,
        account_id=year.account_id,
        commit_id=year.one_of(connection, _A_COMMIT).id,
        change={"access_ending_before": month_start(month + 1), "invoices_ending_before": month_start(month + 2)},
        actor="year",
    )


def _adjust(year: Year, connection: Connection, _month: int) -> None:
    adjust_commit(
        connection,
        account_id=year.account_id,
        commit_id=year.one_of(connection, _A_COMMIT).id,
        amount=Decimal(year.chance.choice([-40, -1, 1, 25])),
        reason="agreed",
        actor="year",
    )


def _switch_true_up_off(year: Year, connection: Connection, _month: int) -> None:
    query = "SELECT id FROM commit WHERE account_id = :account_id AND type = 'POSTPAID' ORDER BY id"
    promise = year.one_of(connection, query)
    disable_true_up(connection, account_id=year.account_id, commit_id=promise.id, actor="year")


def _archive(year: Year, connection: Connection, _month: int) -> None:
    commit_id = year.one_of(connection, _A_COMMIT).id
    archive_commit(connection, account_id=year.account_id, commit_id=commit_id, actor="year")


def _void(year: Year, connection: Connection, _month: int) -> None:
    invoice = year.one_of(connection, f"{_AN_INVOICE} AND status = 'FINALIZED' ORDER BY number")
    void_invoice(connection, account_id=year.account_id, invoice_id=invoice.id, reason="wrong", actor="year")


def _regenerate(year: Year, connection: Connection, _month: int) -> None:
    invoice = year.one_of(connection, f"{_AN_INVOICE} AND status = 'VOID' ORDER BY number")
    regenerate_invoice(connection, account_id=year.account_id, invoice_id=invoice.id, actor="year")


def _take_late_usage_in(year: Year, connection: Connection, _month: int) -> None:
    """Voids what stands in the way."""
    query = "SELECT contract_id, at FROM usage_line WHERE account_id = :account_id AND is_late ORDER BY transaction_id"
    late = year.one_of(connection, query)
    closed = text("""
        SELECT id FROM usage_period WHERE contract_id = :contract_id AND voided_at IS NULL
           AND starting_at = date_trunc('month', CAST(:at AS timestamptz), 'UTC')
    """)
    for period_id in connection.scalars(closed, {"contract_id": late.contract_id, "at": late.at}).all():
        void_invoice(connection, account_id=year.account_id, invoice_id=period_id, reason="late usage", actor="year")
    regenerate_month(connection, account_id=year.account_id, contract_id=late.contract_id, month=late.at, actor="year")


def _release(year: Year, connection: Connection, _month: int) -> None:
    query = "SELECT id FROM obligation WHERE account_id = :account_id AND state = 'held' ORDER BY id"
    held = year.one_of(connection, query)
    year.release(connection, held.id)


CHANGES: tuple[Change, ...] = (
    _edit,
    _edit_scope,
    _edit_access,
    _end_early,
    _adjust,
    _switch_true_up_off,
    _archive,
    _void,
    _regenerate,
    _take_late_usage_in,
    _release,
)
