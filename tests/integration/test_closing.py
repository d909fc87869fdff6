"""A customer's month is closed: invoices, deductions, and what is left to the next one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, insert

from tests.conftest import by_hand
from tests.integration.usage_book import (
    CUSTOMER,
    EURO,
    FIRST,
    GRACE,
    SECOND,
    SILENT,
    START,
    STORAGE,
    TRAFFIC,
    UsageBook,
)
from trueup.ids import new_id
from trueup.limits import ISSUE_ATTEMPTS_MAX
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.invoices.listing import list_invoices, show_invoice
from trueup.store.tables import contract, customer, product
from trueup.store.usage.months import OpenMonth
from trueup.wire.request.body import USD_CENTS
from trueup_worker.invoicing.close import Closed, Products, close_all_due, close_month
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.invoicing.release import ReleaseRefused, release_obligation

JANUARY, FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3))
DAY = timedelta(days=1)
PREPAID_DRAWN = "PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION"
POSTPAID_DRAWN = "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION"


@pytest.fixture
def book(database: Engine) -> UsageBook:
    """A sandbox's book on 1 January 2030."""
    assert START == JANUARY
    return UsageBook(database)


def totals(book: UsageBook) -> list[Decimal]:
    """The totals of the invoices, by number."""
    return [invoice.total for invoice in book.invoices()]


def customer_with_contract(book: UsageBook) -> dict[str, UUID]:
    """Another customer with a contract, as arguments of `use`."""
    ids = {"customer_id": new_id(), "contract_id": new_id()}
    own = {"account_id": book.account_id}
    with book.engine.begin() as connection:
        connection.execute(insert(customer).values(id=ids["customer_id"], **own))
        connection.execute(
            insert(contract).values(id=ids["contract_id"], customer_id=ids["customer_id"], starting_at=START, **own)
        )
    return ids


def due(book: UsageBook, usage_grace_h: int = 24) -> bool:
    """Whether the scheduler finds something to do."""
    with book.engine.begin() as connection:
        return bool(accounts_due(connection, accounts_max=9, usage_grace_h=usage_grace_h))


def test_prepaid_pays_before_postpaid_and_what_postpaid_covers_is_charged(book: UsageBook) -> None:
    """Prepaid 400, postpaid 400, usage 500: 400 and 100 are drawn; the invoice asks for 100 and shows both."""
    prepaid, postpaid = book.commit("PREPAID", "400", name="Prepaid"), book.commit("POSTPAID", "400")
    book.use(JANUARY, "5", "100")
    book.close(JANUARY)
    (invoice,) = book.invoices()
    assert (invoice.type, invoice.status, invoice.total, invoice.issued_at) == ("USAGE", "FINALIZED", 100, FEBRUARY)
    shown = [(line.kind, line.name, line.quantity, line.amount, line.is_billed) for line in book.lines(invoice.id)]
    assert shown == [
        ("usage", "Storage", 4, 400, True),
        ("usage", "Storage", 1, 100, True),
        ("applied", "Prepaid", 1, -400, True),
        ("applied", "Fee", 1, -100, False),
    ]
    payers = [prepaid, postpaid, prepaid, postpaid]
    assert [line.commit_id for line in book.lines(invoice.id)] == payers
    assert book.entries(prepaid) == [(PREPAID_DRAWN, Decimal(-400))]
    assert book.entries(postpaid) == [(POSTPAID_DRAWN, Decimal(-100))]


def test_a_closed_month_is_a_period_an_invoice_and_an_event(book: UsageBook) -> None:
    """Period and invoice share their id, deductions name both and count from the month's end, the watermark moves."""
    commit_id = book.commit("PREPAID", "400")
    book.use(JANUARY, "5")
    book.close(JANUARY)
    (invoice,) = book.invoices()
    (period,) = book.rows("SELECT * FROM usage_period")
    assert (period.id, period.is_invoiced, period.customer_id) == (invoice.id, True, CUSTOMER)
    assert (period.contract_id, period.starting_at, period.ending_before) == (FIRST, JANUARY, FEBRUARY)
    assert period.closed_at == invoice.finalized_at == FEBRUARY + GRACE
    (entry,) = book.rows("SELECT * FROM ledger_entry WHERE commit_id = :id AND amount < 0", id=commit_id)
    assert (entry.invoice_id, entry.period_id, entry.effective_at) == (invoice.id, invoice.id, FEBRUARY)
    assert book.events() == [("invoice.finalized", [invoice.id])]
    assert book.watermark() == FEBRUARY
    assert book.rows("SELECT * FROM usage_month") == []
    book.work()
    assert len(book.invoices()) == 1


def test_a_contract_that_is_not_invoiced_draws_all_the_same(book: UsageBook) -> None:
    """A NONE contract's month books deductions and lines, but makes no invoice, no number and no event."""
    commit_id = book.commit("PREPAID", "400")
    book.use(JANUARY, "5", contract_id=SILENT)
    book.close(JANUARY)
    (period,) = book.rows("SELECT * FROM usage_period")
    assert not period.is_invoiced
    assert book.entries(commit_id) == [(PREPAID_DRAWN, Decimal(-5))]
    (entry,) = book.rows("SELECT * FROM ledger_entry WHERE amount < 0")
    assert (entry.invoice_id, entry.period_id) == (None, period.id)
    assert [line.kind for line in book.lines(period.id)] == ["usage", "applied"]
    assert (book.invoices(), book.events()) == ([], [])


def test_two_contracts_drain_one_balance(book: UsageBook) -> None:
    """Contracts close together, in the order of lines: none counts on a cent that another one spent."""
    commit_id = book.commit("PREPAID", "10")
    book.use(JANUARY + DAY, "8", contract_id=SECOND)
    book.use(JANUARY + 2 * DAY, "8", contract_id=FIRST)
    book.use(JANUARY + 2 * DAY, "8", "1", contract_id=SILENT)
    book.close(JANUARY)
    assert [(each.contract_id, each.total) for each in book.invoices()] == [(FIRST, 6), (SECOND, 0)]
    assert book.entries(commit_id) == [(PREPAID_DRAWN, Decimal(-2)), (PREPAID_DRAWN, Decimal(-8))]


def test_each_unit_and_contract_has_an_invoice(book: UsageBook) -> None:
    """Usage in two units of a contract makes two invoices, numbered in a row and finalized by one event."""
    book.use(JANUARY, "2", unit_id=EURO)
    book.use(JANUARY, "3")
    book.use(JANUARY, "4", contract_id=SECOND)
    book.close(JANUARY)
    made = book.invoices()
    assert [each.number for each in made] == [1, 2, 3]
    assert sorted((str(each.unit_id), each.total) for each in made) == [(USD_CENTS, 3), (USD_CENTS, 4), (str(EURO), 2)]
    assert book.events() == [("invoice.finalized", [each.id for each in made])]


def test_what_one_month_leaves_the_next_one_finds(book: UsageBook) -> None:
    """After a long pause months close one after the other, each on what the one before left."""
    commit_id = book.commit("PREPAID", "10")
    for month in (MARCH, JANUARY, FEBRUARY):
        book.use(month, "4")
    book.close(MARCH)
    assert [(each.issued_at, each.total) for each in book.invoices()][:2] == [(FEBRUARY, 0), (MARCH, 0)]
    assert totals(book) == [0, 0, 2]
    assert [amount for _, amount in book.entries(commit_id)] == [-4, -4, -2]


def test_units_and_commit_prices(book: UsageBook) -> None:
    """QUANTITY is deducted in units and applied in money; COMMIT_RATE pays at the commit's price while it lasts."""
    units = book.commit("PREPAID", "4", access_type="QUANTITY", applicable_product_ids=[str(TRAFFIC)])
    rated = book.commit("PREPAID", "6", rate_type="COMMIT_RATE", applicable_product_ids=[str(STORAGE)])
    book.use(JANUARY, "5", "3", product_id=TRAFFIC)
    book.use(JANUARY, "5", "4", commit_price="2", product_id=STORAGE)
    book.close(JANUARY)
    (invoice,) = book.invoices()
    assert invoice.total == 3 + 2 * 4
    assert book.entries(units) == [(PREPAID_DRAWN, Decimal(-4))]
    assert book.entries(rated) == [(PREPAID_DRAWN, Decimal(-6))]
    assert sorted(line.amount for line in book.lines(invoice.id) if line.kind == "applied") == [-12, -6]


def test_nothing_but_usage_of_nothing_makes_no_invoice(book: UsageBook) -> None:
    """A month of lines with quantity 0 is closed without a period."""
    book.use(JANUARY, "0")
    book.close(JANUARY)
    assert book.rows("SELECT * FROM usage_period") == []
    assert book.watermark() == FEBRUARY


def test_a_line_after_closing_is_late(book: UsageBook) -> None:
    """Usage of a closed month is kept as late and changes nothing, then or later."""
    commit_id = book.commit("PREPAID", "10")
    book.use(JANUARY, "4")
    book.close(JANUARY)
    book.use(JANUARY, "4")
    book.use(FEBRUARY, "1")
    book.close(FEBRUARY)
    assert [(each.at, each.is_late) for each in book.rows("SELECT * FROM usage_line ORDER BY at, is_late")] == [
        (JANUARY, False),
        (JANUARY, True),
        (FEBRUARY, False),
    ]
    assert [amount for _, amount in book.entries(commit_id)] == [-4, -1]


def test_a_month_without_usage_stays_open_until_somebody_relies_on_it(book: UsageBook) -> None:
    """Time alone closes nothing: a line of long ago is taken in as long as no true-up and no expiry relied on it."""
    book.go_to(MARCH + GRACE)
    assert book.watermark() is None
    book.use(JANUARY, "4")
    book.work()
    assert (totals(book), book.watermark()) == ([4], FEBRUARY)


def test_a_true_up_closes_the_months_of_its_access(book: UsageBook) -> None:
    """A true-up without any usage is billed in full, and usage of its access is late from then on."""
    book.commit("POSTPAID", "10", ends=FEBRUARY)
    book.close(JANUARY)
    assert (totals(book), book.watermark()) == ([10], FEBRUARY)
    book.use(JANUARY, "4")
    book.close(FEBRUARY)
    assert totals(book) == [10]


def test_an_expiry_closes_the_months_of_its_access(book: UsageBook) -> None:
    """When a segment expires, usage of its months is late from then on."""
    book.commit("PREPAID", "10", ends=FEBRUARY)
    book.close(JANUARY)
    assert book.watermark() == FEBRUARY


def test_what_was_imported_after_its_end_keeps_its_balance_for_the_grace_time(book: UsageBook) -> None:
    """A commit of the past that was just made does not expire before its usage can follow."""
    book.go_to(MARCH)
    commit_id = book.commit("PREPAID", "10", ends=FEBRUARY)
    book.work()
    book.use(JANUARY, "4")
    book.work()
    assert book.entries(commit_id) == [(PREPAID_DRAWN, Decimal(-4))]
    book.go_to(MARCH + GRACE)
    assert book.entries(commit_id)[1:] == [("PREPAID_COMMIT_EXPIRATION", Decimal(-6))]


def test_closing_comes_before_the_true_up(book: UsageBook) -> None:
    """What falls due at the same instant is done in order: the last month draws, then the rest is billed."""
    commit_id = book.commit("POSTPAID", "10", ends=FEBRUARY)
    book.use(JANUARY, "4")
    assert book.close(JANUARY).issued == 1
    assert totals(book) == [4, 6]
    assert book.entries(commit_id) == [(POSTPAID_DRAWN, Decimal(-4)), ("POSTPAID_COMMIT_TRUEUP", Decimal(-6))]


def break_usage(book: UsageBook, product_id: UUID) -> None:
    """Takes the product of a usage line out of the catalog, as no one should."""
    book.run("DELETE FROM product WHERE id = :id", id=product_id)


def fail(book: UsageBook, month: datetime) -> None:
    """Goes to where the month is to be closed, and tries that as often as it takes to give up."""
    for _ in range(ISSUE_ATTEMPTS_MAX):
        book.close(month)
        book.run("UPDATE usage_month SET settles_at = now() WHERE settles_at IS NOT NULL")


def test_a_failed_try_is_repeated_after_a_pause(book: UsageBook) -> None:
    """Not at once, and the second time after twice as long; the later months of the customer wait."""
    book.use(JANUARY, "4", product_id=TRAFFIC)
    book.use(FEBRUARY, "4")
    break_usage(book, TRAFFIC)
    book.go_to(MARCH)
    for pause_s in (30, 60):
        assert close_all_due(book.engine, book.account_id, usage_grace_h=0) == Closed()
        (january, february) = book.rows(
            "SELECT state, extract(epoch FROM settles_at - now()) AS pause_s FROM usage_month ORDER BY starting_at"
        )
        assert (january.state, february.state, february.pause_s) == ("open", "open", None)
        assert pause_s - 5 < january.pause_s <= pause_s
        book.run("UPDATE usage_month SET settles_at = now() WHERE settles_at IS NOT NULL")
        book.work()


def test_a_product_that_came_during_a_run(book: UsageBook) -> None:
    """The catalog of a run is read again where it lacks a product."""
    book.use(JANUARY, "4")
    book.use(FEBRUARY, "5", product_id=TRAFFIC)
    products = Products(book.account_id)
    with by_hand(book.engine) as connection:
        connection.execute(delete(product).where(product.c.id == TRAFFIC))
        assert close_month(connection, book.account_id, OpenMonth(CUSTOMER, JANUARY), products=products)
        connection.execute(insert(product).values(account_id=book.account_id, id=TRAFFIC, name="Traffic", type="USAGE"))
        assert close_month(connection, book.account_id, OpenMonth(CUSTOMER, FEBRUARY), products=products)
    assert totals(book) == [4, 5]


def test_a_month_that_fails_is_parked_and_blocks_only_its_customer(book: UsageBook) -> None:
    """A failing customer is parked after its tries: neighbours close, its own later months and true-ups wait."""
    book.commit("POSTPAID", "10", ends=MARCH)
    other = customer_with_contract(book)
    book.use(JANUARY, "4", product_id=TRAFFIC)
    book.use(FEBRUARY, "4")
    book.use(JANUARY, "7", **other)
    break_usage(book, TRAFFIC)
    fail(book, FEBRUARY)
    assert totals(book) == [7]
    january, february = book.rows("SELECT * FROM usage_month ORDER BY starting_at")
    assert (january.state, january.attempts, february.state) == ("parked", ISSUE_ATTEMPTS_MAX, "open")
    assert january.reason.startswith("KeyError")
    assert (book.watermark(), due(book)) == (None, False)


def test_a_parked_month_is_released_by_its_customer(book: UsageBook) -> None:
    """Once the cause is mended, the customer's id brings its months back, with an audit row; then nothing is left."""
    book.use(JANUARY, "4", product_id=TRAFFIC)
    break_usage(book, TRAFFIC)
    fail(book, JANUARY)
    book.run("INSERT INTO product (account_id, id, type) VALUES (:account_id, :id, 'USAGE')", id=TRAFFIC)
    with book.engine.begin() as connection:
        release_obligation(connection, account_id=book.account_id, obligation_id=CUSTOMER, actor="key")
    assert due(book)
    book.work()
    assert (totals(book), due(book)) == ([4], False)
    (noted,) = book.rows("SELECT * FROM audit WHERE action = 'release_months'")
    assert (noted.subject, noted.before) == (str(CUSTOMER), {"state": "parked", "months": ["2030-01"]})
    with pytest.raises(ReleaseRefused), book.engine.begin() as connection:
        release_obligation(connection, account_id=book.account_id, obligation_id=CUSTOMER, actor="key")


def test_the_grace_time_is_an_argument(book: UsageBook) -> None:
    """With less grace a month closes earlier, with more later."""
    book.use(JANUARY, "4")
    book.go_to(FEBRUARY + timedelta(hours=1))
    assert close_all_due(book.engine, book.account_id, usage_grace_h=2) == Closed()
    assert close_all_due(book.engine, book.account_id, usage_grace_h=1) == Closed(months=1)


def test_real_time_closes_what_is_long_over(database: Engine) -> None:
    """An account that lives in real time closes past months by the database's clock, and not the present one."""
    book = UsageBook(database, sandbox=False)
    book.use(datetime(2025, 1, 1, tzinfo=UTC), "4")
    book.use(datetime.now(UTC), "5")
    book.work()
    assert totals(book) == [4]
    assert len(book.rows("SELECT * FROM usage_month")) == 1


def test_a_true_up_waits_for_the_grace_time_as_it_is_now(book: UsageBook) -> None:
    """Made when it was shorter, a true-up does not close its month before usage of it may stop coming."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.run("UPDATE account SET clock_at = :at WHERE id = :account_id", at=FEBRUARY + GRACE)
    issue_all_due(book.engine, book.account_id, usage_grace_h=240)
    assert (book.balance(commit_id), due(book, usage_grace_h=240), due(book)) == (1000, False, True)
    book.use(JANUARY, "300")
    book.run("UPDATE account SET clock_at = :at WHERE id = :account_id", at=FEBRUARY + 10 * GRACE)
    issue_all_due(book.engine, book.account_id, usage_grace_h=240)
    assert totals(book) == [300, 700]


def test_a_true_up_over_invoiced_usage_is_held(book: UsageBook) -> None:
    """Made over months that were invoiced already, a true-up is held, until an operator releases it."""
    book.use(JANUARY, "4")
    book.close(JANUARY)
    commit_id = book.commit("POSTPAID", "10", ends=FEBRUARY)
    assert book.work().held == 1
    (held,) = book.rows("SELECT * FROM obligation WHERE commit_id = :id", id=commit_id)
    assert (held.state, held.reason) == ("held", "usage_already_invoiced")
    assert (totals(book), due(book)) == ([4], False)
    with book.engine.begin() as connection:
        draft = show_invoice(connection, book.account_id, held.id)
        release_obligation(connection, account_id=book.account_id, obligation_id=held.id, actor="key", reason="agreed")
    assert draft
    assert (draft.state, draft.reason, draft.total) == ("held", "usage_already_invoiced", 10)
    assert book.work().issued == 1
    assert totals(book) == [4, 10]


@pytest.mark.parametrize(
    "more",
    [
        {"applicable_contract_ids": [str(SECOND)]},
        {"starts": FEBRUARY, "ends": MARCH},
    ],
    ids=["another contract", "other months"],
)
def test_a_true_up_beside_invoiced_usage_is_not_held(book: UsageBook, more: dict[str, object]) -> None:
    """Usage that was invoiced of a contract or month that is not the commit's holds nothing up."""
    book.use(JANUARY, "4")
    book.close(JANUARY)
    book.commit("POSTPAID", "10", **more)
    book.go_to(datetime(2031, 1, 3, tzinfo=UTC))
    assert totals(book) == [4, 10]


def test_usage_invoices_are_listed_and_shown(book: UsageBook) -> None:
    """The list has them by number; shown, each line says who paid, by which rule, and whether it is billed."""
    book.commit("PREPAID", "1", name="Prepaid", priority="1")
    book.commit("POSTPAID", "9", priority="0")
    book.use(JANUARY, "4", groups={"region": "eu"})
    book.close(JANUARY)
    with book.engine.begin() as connection:
        (listed,) = list_invoices(connection, book.account_id, limit=9, status="FINALIZED").rows
        invoice = show_invoice(connection, book.account_id, listed.id)
    assert (listed.type, listed.total, listed.customer, listed.unit) == (
        "USAGE",
        3,
        "Acme Ltd",
        "USD (cents)",
    )
    assert invoice
    first, _, _, shown_only = invoice.lines
    assert first.rule == "prepaid commits and credits before postpaid commits"
    assert (first.pricing_group_values, first.quantity, first.is_billed) == ({"region": "eu"}, 1, True)
    assert (shown_only.amount, shown_only.is_billed, shown_only.rule) == (-3, False, None)
