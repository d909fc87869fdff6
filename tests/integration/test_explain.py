"""Every amount is explained: by ledger entries, the usage behind them, and the rule that chose who pays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from tests.integration.instalments import instalment
from tests.integration.usage_book import SILENT, START, STORAGE, TRAFFIC, UsageBook
from trueup.domain.burndown.exact import exact_sum
from trueup.store.invoices.invoice import TrueUpFigures
from trueup.store.postgres.engine import snapshot
from trueup_worker.cli.ledger.records import explanation
from trueup_worker.invoicing.void import void_invoice
from trueup_worker.reporting.explain import UnknownId, explain
from trueup_worker.reporting.forecast import forecast

TENTH = START + timedelta(days=9, hours=5)
MARCH = datetime(2030, 3, 1, tzinfo=UTC)
PREPAID_FIRST = "1: prepaid commits and credits before postpaid commits"
NO_RIVAL = "no other balance could have paid"
FIGURES = TrueUpFigures(committed=Decimal(200), drawn=Decimal(127), adjustments=Decimal(0), due=Decimal(73))
OVERAGE = "overage: no balance could pay"


class Explained(UsageBook):
    """A sandbox in which January is closed and February is open, and who pays changes in the middle of both."""

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__(engine, name=name)
        self.prepaid = self.commit("PREPAID", "100", ends=MARCH)
        self.item = instalment(self, self.prepaid, START, "100")
        self.postpaid = self.commit("POSTPAID", "200", ends=MARCH)
        self.first = self.use(TENTH, "60", "1.5")
        self.second = self.use(TENTH + timedelta(minutes=10), "20", "1.5", groups={"region": "eu"})
        self.silent = self.use(TENTH, "7", product_id=TRAFFIC, contract_id=SILENT)
        self.close(START)
        self.open = self.use(MARCH - timedelta(days=2), "100")

    def explain(self, which: UUID, *, lines: bool = False) -> dict[str, Any]:
        """The explanation."""
        with snapshot(self.engine) as connection:
            return explanation(explain(connection, account_id=self.account_id, which=which, lines=lines))

    def invoice(self, kind: str) -> UUID:
        """The id of the first invoice of this type."""
        found: UUID = next(invoice.id for invoice in self.invoices() if invoice.type == kind)
        return found

    def draft(self) -> UUID:
        """The id of the draft of February's usage."""
        with snapshot(self.engine) as connection:
            return forecast(connection, account_id=self.account_id, until=MARCH.replace(month=4), usage_grace_h=24)[
                0
            ].id


@pytest.fixture
def book(shared_database: Engine, request: pytest.FixtureRequest) -> Explained:
    """The book, in an account of its own."""
    return Explained(shared_database, request.node.name)


def columns(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """These columns of each row."""
    return [tuple(row[name] for name in names) for row in rows]


def test_every_debit_of_a_commit_names_its_usage(book: Explained) -> None:
    """Entries with what they left, and behind each the products, prices, quantities and the rule."""
    found = book.explain(book.prepaid)
    assert columns(found["entries"], "entry", "amount", "balance", "invoice", "rule") == [
        (1, 100, 100, None, "granted"),
        (2, -100, 0, 1, "drawn by usage"),
    ]
    assert columns(found["usage"], "entry", "product_id", "unit_price", "quantity", "rule") == [
        (2, STORAGE, 1.5, 60, PREPAID_FIRST),
        (2, STORAGE, 1.5, Decimal("6.666666666667"), PREPAID_FIRST),
    ]
    assert [each["pricing_group_values"] for each in found["usage"]] == [None, {"region": "eu"}]


def test_the_usage_behind_an_entry_adds_up_to_it(book: Explained) -> None:
    """Each deduction is the sum of the usage it is explained by."""
    for commit_id in (book.prepaid, book.postpaid):
        found = book.explain(commit_id)
        for entry in found["entries"][1:]:
            behind = (each["amount"] for each in found["usage"] if each["entry"] == entry["entry"])
            assert exact_sum(behind) == -entry["amount"]


def test_usage_of_open_months_comes_as_receipts(book: Explained) -> None:
    """What is not booked yet is burnt down as things stand, hour by hour."""
    found = book.explain(book.postpaid)
    [receipt] = found["receipts"]
    assert (receipt["quantity"], receipt["amount"], receipt["left"], receipt["rule"]) == (100, 100, 73, NO_RIVAL)
    assert receipt["starting_at"] == MARCH - timedelta(days=2)


def test_the_transactions_behind_usage(book: Explained) -> None:
    """With lines: the transaction ids of each piece, open and closed."""
    found = book.explain(book.postpaid, lines=True)
    assert [each["transaction_ids"] for each in found["usage"]] == [[book.second], [book.silent]]
    assert [each["transaction_ids"] for each in found["receipts"]] == [[book.open]]


def test_usage_stands_behind_its_payer_only(book: Explained) -> None:
    """What a balance covers between two hours of overage is not behind the overage."""
    day, hours = datetime(2030, 5, 1, tzinfo=UTC), [timedelta(hours=n) for n in (5, 10, 20)]
    book.commit("PREPAID", "1000", starts=day + hours[1], ends=day + hours[1] + timedelta(hours=1))
    before, covered, after = (book.use(day + hour, "10") for hour in hours)
    may = {"account_id": book.account_id, "until": day.replace(month=7), "usage_grace_h": 24}
    with snapshot(book.engine) as connection:
        (draft,) = (each.id for each in forecast(connection, **may) if each.issued_at.month == 6)
    for _ in ("draft", "invoice"):
        found = book.explain(draft, lines=True)["usage"]
        assert [each["transaction_ids"] for each in found] == [[before, after], [covered]]
        assert all("hours" not in each for each in found)
        book.close(day)


def test_a_usage_invoice(book: Explained) -> None:
    """Every line with who pays and why, and the entries that it booked."""
    found = book.explain(book.invoice("USAGE"))
    assert (found["what"], found["number"], found["status"], found["total"]) == ("invoice", 1, "FINALIZED", 20)
    assert columns(found["usage"], "commit_id", "rule") == [
        (book.prepaid, PREPAID_FIRST),
        (book.prepaid, PREPAID_FIRST),
        (book.postpaid, NO_RIVAL),
    ]
    assert columns(found["entries"], "commit_id", "amount") == [(book.prepaid, -100), (book.postpaid, -20)]


def test_a_closed_month_without_an_invoice(book: Explained) -> None:
    """Its period is explained like an invoice."""
    [entry] = [each for each in book.explain(book.postpaid)["entries"] if each["contract_id"] == SILENT]
    found = book.explain(entry["period_id"])
    assert (found["what"], found["number"]) == ("usage period", None)
    assert columns(found["usage"], "quantity", "rule") == [(7, NO_RIVAL)]


def test_a_draft_of_usage(book: Explained) -> None:
    """Lines and receipts, with overage where nothing could pay."""
    book.use(MARCH - timedelta(days=1), "90")
    found = book.explain(book.draft(), lines=True)
    assert (found["status"], found["total"]) == ("DRAFT", 190)
    assert columns(found["usage"], "quantity", "rule") == [(173, NO_RIVAL), (17, OVERAGE)]
    assert columns(found["receipts"], "quantity", "left", "rule") == [
        (100, 73, NO_RIVAL),
        (73, 0, NO_RIVAL),
        (17, None, OVERAGE),
    ]
    assert found["receipts"][0]["transaction_ids"] == [book.open]


def test_a_true_up_is_its_arithmetic(book: Explained) -> None:
    """As a draft with open usage counted; finalized with the entry that settles it."""
    true_up = next(iter(book.rows("SELECT id FROM obligation WHERE commit_id = :id", id=book.postpaid))).id
    draft = book.explain(true_up)
    assert (draft["status"], draft["true_up"]) == (
        "DRAFT",
        FIGURES,
    )
    book.close(MARCH - timedelta(days=1))
    final = book.explain(true_up)
    assert (final["status"], final["true_up"]) == (
        "FINALIZED",
        FIGURES,
    )
    assert columns(final["entries"], "amount", "rule")[-1] == (-73, "billed: what was not drawn")
    assert book.explain(book.postpaid)["true_up"] == final["true_up"]


def test_an_instalment(book: Explained) -> None:
    """Which item of which commit, and its line."""
    found = book.explain(book.item)
    assert (found["commit_id"], found["position"], found["state"], found["total"]) == (book.prepaid, 0, "issued", 100)
    assert columns(found["lines"], "quantity", "unit_price", "amount") == [(1, 100, 100)]


def test_what_was_voided_is_taken_back(book: Explained) -> None:
    """The entries that a void booked say so, with the operator's reason."""
    with book.engine.begin() as connection:
        void_invoice(
            connection,
            account_id=book.account_id,
            invoice_id=book.invoice("USAGE"),
            reason="wrong price",
            actor="key",
        )
    assert columns(book.explain(book.prepaid)["entries"], "amount", "balance", "rule")[-1] == (
        100,
        100,
        "taken back: drawn by usage: wrong price",
    )


def test_an_unknown_id(book: Explained) -> None:
    """Nothing of this id is there, or it is another account's."""
    other = UsageBook(book.engine, name="another")
    for which in (uuid4(), other.commit("CREDIT", "1")):
        with pytest.raises(UnknownId, match=str(which)):
            book.explain(which)
