"""What falls due is settled exactly once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.book import CONTRACT, CUSTOMER, LAST_YEAR, LONG_AGO, PRODUCT, Book
from trueup.clock import utc_now
from trueup.limits import ISSUE_ATTEMPTS_MAX
from trueup.store.accounts.accounts import create_account
from trueup.store.invoices.invoice import InvoiceLine
from trueup.store.invoices.listing import list_invoices, show_invoice
from trueup.store.postgres.engine import snapshot
from trueup.wire.request.body import USD_CENTS
from trueup_worker.invoicing.clock import ClockRefused, account_now, advance_clock
from trueup_worker.invoicing.issue import Issued, issue_all_due, issue_due
from trueup_worker.invoicing.release import ReleaseRefused, release_obligation
from trueup_worker.reporting.explain import CommitExplanation, explain
from trueup_worker.reporting.forecast import forecast
from trueup_worker.reporting.reconcile import reconcile


def issue(book: Book) -> Issued:
    """Settles all that is due, and checks that everything agrees afterwards, but for what tests do by hand."""
    issued = issue_all_due(book.engine, book.account_id)
    with book.engine.begin() as connection:
        found = {each.check for each in reconcile(connection, book.account_id)}
    assert found <= {"obligation_parked", "deduction_without_period", "charged_once"}
    return issued


def test_an_item_becomes_an_invoice_under_its_own_id(book: Book) -> None:
    """A due PREPAID item becomes one FINALIZED invoice: dated as scheduled, finalized now, with one line."""
    commit_id = book.prepaid_in_bulk([[(LAST_YEAR, "12.5", "4", "50")]], name="Annual plan")[0]
    (obligation,) = book.rows("SELECT * FROM obligation")
    assert issue(book) == Issued(issued=1)
    with book.engine.begin() as connection:
        invoice = show_invoice(connection, book.account_id, obligation.id)
    assert invoice is not None
    assert (invoice.number, invoice.status, invoice.type) == (1, "FINALIZED", "SCHEDULED")
    assert (invoice.customer_id, invoice.contract_id, invoice.commit_id) == (CUSTOMER, CONTRACT, commit_id)
    assert (str(invoice.unit_id), invoice.total, invoice.issued_at) == (USD_CENTS, 50, LAST_YEAR)
    assert timedelta(0) <= utc_now() - invoice.finalized_at < timedelta(minutes=1)
    (line,) = invoice.lines
    assert line == InvoiceLine(
        invoice_id=obligation.id,
        position=0,
        name="Annual plan",
        product_id=PRODUCT,
        quantity=Decimal(4),
        unit_price=Decimal("12.5"),
        amount=Decimal(50),
        commit_id=commit_id,
    )


def test_without_a_name_the_line_bears_the_product(book: Book) -> None:
    """The line's name is the commit's, else the product's."""
    book.prepaid((LAST_YEAR, "10"))
    issue(book)
    (line,) = book.rows("SELECT name FROM invoice_line")
    assert line.name == "Platform fee"


def test_nothing_is_issued_before_it_is_due(book: Book) -> None:
    """An item of tomorrow stays a draft."""
    book.prepaid((utc_now() + timedelta(days=1), "10"))
    assert issue(book) == Issued()
    assert book.invoices() == []


def test_catching_up_follows_the_due_order(book: Book) -> None:
    """After downtime what is overdue is issued oldest first, across claims, each invoice with its scheduled date."""
    days = [LONG_AGO + timedelta(days=(37 * n) % 100) for n in range(100)]
    book.prepaid_in_bulk([[(day, "1", "1", "1")] for day in days])
    assert issue_all_due(book.engine, book.account_id, rows_max=7) == Issued(issued=100)
    invoices = book.invoices()
    assert [invoice.number for invoice in invoices] == list(range(1, 101))
    assert [invoice.issued_at for invoice in invoices] == sorted(days)


def test_a_claim_is_bounded(book: Book) -> None:
    """One transaction settles at most as many obligations as it was allowed to claim."""
    book.prepaid(*[(LAST_YEAR, "1")] * 5)
    assert issue_due(book.engine, book.account_id, rows_max=3) == Issued(issued=3)


def test_events_name_the_invoices_in_the_order_of_their_numbers(book: Book) -> None:
    """One outbox row per transaction and kind: `invoice.finalized` with invoices, `commit.trued_up` with commits."""
    book.prepaid((LONG_AGO, "1"), (LAST_YEAR, "2"))
    owing, paid = book.postpaid("10"), book.postpaid("10")
    book.entry(paid, "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", Decimal(-10))
    issue(book)
    numbered = [invoice.id for invoice in book.invoices()]
    assert sorted(book.events(), key=str) == sorted(
        [
            ("invoice.finalized", numbered, {}),
            ("commit.trued_up", [owing], {"outcome": "issued"}),
            ("commit.trued_up", [paid], {"outcome": "nothing_due"}),
        ],
        key=str,
    )


def test_a_true_up_waits_for_the_end_of_access(book: Book) -> None:
    """A true-up whose date has passed while access goes on is not due yet."""
    book.postpaid("10", at=LAST_YEAR, ends=utc_now() + timedelta(days=1))
    assert issue(book) == Issued()


def test_a_true_up_takes_effect_when_it_fell_due(book: Book) -> None:
    """Its ledger entry counts from the end of access, though the invoice bears the earlier scheduled date."""
    commit_id = book.postpaid("10", at=LONG_AGO, ends=LAST_YEAR)
    issue(book)
    (entry,) = book.rows("SELECT * FROM ledger_entry WHERE type = 'POSTPAID_COMMIT_TRUEUP'")
    (invoice,) = book.invoices()
    assert (entry.commit_id, entry.invoice_id, entry.effective_at) == (commit_id, invoice.id, LAST_YEAR)
    assert invoice.issued_at == LONG_AGO


def test_a_failing_row_is_parked_and_blocks_nobody(book: Book) -> None:
    """What the database refuses is found by halving and parked after its tries; every neighbour is issued."""
    good = book.prepaid_in_bulk([[(LAST_YEAR, "1", "1", "1")]] * 20)
    bad = book.prepaid((LAST_YEAR, "1"), contract_id=None)
    good += book.prepaid_in_bulk([[(LAST_YEAR, "1", "1", "1")]] * 20)
    assert issue(book) == Issued(issued=40, parked=1, failed=ISSUE_ATTEMPTS_MAX - 1)
    assert {book.state(commit_id) for commit_id in good} == {"issued"}
    (parked,) = book.rows("SELECT * FROM obligation WHERE state = 'parked'")
    assert (parked.commit_id, parked.attempts) == (bad, ISSUE_ATTEMPTS_MAX)
    assert "contract_id" in parked.reason
    assert [invoice.number for invoice in book.invoices()] == list(range(1, 41))
    with book.engine.begin() as connection:
        draft = show_invoice(connection, book.account_id, parked.id)
    assert draft is not None
    assert (draft.status, draft.state, draft.reason) == ("DRAFT", "parked", parked.reason)


def test_a_commit_without_opening_entry_is_parked(book: Book) -> None:
    """A true-up with no ledger at all is refused, as was foreseen: an empty sum is not "nothing due"."""
    commit_id = book.postpaid("10")
    with by_hand(book.engine) as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("DELETE FROM ledger_entry")
    with snapshot(book.engine) as connection:
        which = {"account_id": book.account_id, "until": utc_now() + timedelta(days=1), "usage_grace_h": 24}
        (foreseen,) = forecast(connection, **which)
        found = explain(connection, account_id=book.account_id, which=commit_id)
    assert (foreseen.outcome, foreseen.amount, foreseen.amount_due) == ("parked", None, None)
    assert isinstance(found, CommitExplanation)
    assert found.true_up is None
    assert issue_all_due(book.engine, book.account_id).parked == 1


def test_a_sandbox_lives_by_its_own_clock(database: Engine) -> None:
    """In a sandbox nothing is due until its clock is moved there, and `finalized_at` is its clock's time."""
    start, later = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 6, 1, tzinfo=UTC)
    with database.begin() as connection:
        sandbox = create_account(connection, "sandbox", sandbox=True, now=start).id
    book = Book(database, sandbox)
    book.prepaid((datetime(2030, 3, 1, tzinfo=UTC), "1"), (datetime(2030, 7, 1, tzinfo=UTC), "1"))
    assert issue(book) == Issued()
    with database.begin() as connection:
        assert advance_clock(connection, account_id=book.account_id, to=later, actor="key") == start
        assert account_now(connection, book.account_id) == later
    assert issue(book) == Issued(issued=1)
    (invoice,) = book.invoices()
    assert (invoice.issued_at, invoice.finalized_at) == (datetime(2030, 3, 1, tzinfo=UTC), later)
    (noted,) = book.rows("SELECT * FROM audit")
    assert (noted.actor, noted.action) == ("key", "advance_clock")
    assert (noted.before, noted.after) == ({"clock_at": start.isoformat()}, {"clock_at": later.isoformat()})


def test_a_clock_moves_only_forward_and_only_in_a_sandbox(database: Engine, account: int) -> None:
    """Moving it back, and moving real time, is refused; moving it to where it stands changes nothing."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    with database.begin() as connection:
        sandbox = create_account(connection, "sandbox", sandbox=True, now=start).id
        assert advance_clock(connection, account_id=sandbox, to=start, actor="key") == start
        for refused, to in ((sandbox, start - timedelta(seconds=1)), (account, start)):
            with pytest.raises(ClockRefused):
                advance_clock(connection, account_id=refused, to=to, actor="key")
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar_one() == 0


def test_drafts_are_listed_after_the_invoices(book: Book) -> None:
    """The list goes by number, then by due time; a page goes on where the last one ended, drafts included."""
    later = utc_now() + timedelta(days=9)
    book.prepaid((LONG_AGO, "1"), (LAST_YEAR, "2"), (later + timedelta(days=1), "4"))
    waiting = book.postpaid("7", at=later, ends=later)
    book.postpaid("8", at=later, ends=later, suppressed_by="do_not_invoice")
    book.entry(waiting, "POSTPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", Decimal(-4))
    issue(book)
    listed = []
    with book.engine.begin() as connection:
        while page := list_invoices(connection, book.account_id, limit=1, after=listed[-1].id if listed else None).rows:
            listed += page
        drafts = list_invoices(connection, book.account_id, limit=9, status="DRAFT", commit_id=waiting).rows
        finalized = list_invoices(connection, book.account_id, limit=9, status="FINALIZED", customer_id=CUSTOMER).rows
    assert [(each.number, each.status, each.total) for each in listed] == [
        (1, "FINALIZED", 1),
        (2, "FINALIZED", 2),
        (None, "DRAFT", 3),
        (None, "DRAFT", 4),
    ]
    assert [draft.total for draft in drafts] == [3]
    assert [invoice.number for invoice in finalized] == [1, 2]
    assert {each.customer for each in listed} == {"Acme Ltd"}


def test_a_true_up_is_visible_as_a_draft_from_the_start(book: Book) -> None:
    """The draft's total is what is still unspent, with the arithmetic and the commit on its line."""
    later = utc_now() + timedelta(days=9)
    commit_id = book.postpaid("7.50", at=later, ends=later)
    (obligation,) = book.rows("SELECT id FROM obligation")
    with book.engine.begin() as connection:
        draft = show_invoice(connection, book.account_id, obligation.id)
    assert draft is not None
    assert (draft.status, draft.total, draft.due_at, draft.state) == (
        "DRAFT",
        Decimal("7.5"),
        later,
        "pending",
    )
    (line,) = draft.lines
    assert line.arithmetic == {"committed": "7.5", "drawn": "0", "adjustments": "0", "due": "7.5"}
    assert (line.kind, line.commit_id) == ("charge", commit_id)


def test_a_parked_row_is_released(book: Book) -> None:
    """Once its cause is mended, an operator lets a parked obligation be invoiced; nothing else can be released."""
    commit_id = book.prepaid((LAST_YEAR, "1"), contract_id=None)
    issue(book)
    with book.engine.begin() as connection:
        connection.execute(text("UPDATE commit SET invoice_contract_id = :id"), {"id": CONTRACT})
        [obligation_id] = connection.scalars(text("SELECT id FROM obligation WHERE commit_id = :id"), {"id": commit_id})
        release_obligation(connection, account_id=book.account_id, obligation_id=obligation_id, actor="k")
    assert issue(book) == Issued(issued=1)
    with pytest.raises(ReleaseRefused, match="is issued"), book.engine.begin() as connection:
        release_obligation(connection, account_id=book.account_id, obligation_id=obligation_id, actor="k")
