"""Commits are archived, true-ups disabled."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook, entry
from tests.integration.usage_book import SILENT
from trueup.ids import new_id
from trueup_worker.commit_changes.refusal import ChangeRefused
from trueup_worker.invoicing.adjust import AdjustmentRefused, UnknownCommit, adjust_commit
from trueup_worker.invoicing.regenerate import RegenerateRefused

JANUARY, FEBRUARY, APRIL = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 4))
INSTALMENTS = [{"timestamp": f"2030-{month}-01T00:00:00Z", "amount": 100} for month in ("01", "04")]


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def test_archived_is_out(book: ChangeBook) -> None:
    """Its balance expires, its drafts are suppressed, usage is charged, and its uniqueness key stays used."""
    commit_id = book.request(
        invoice_schedule={"schedule_items": INSTALMENTS[1:]}, uniqueness_key="order-1", name="Annual"
    )
    book.archive(commit_id)
    assert (book.commit_row(commit_id).archived_at, book.commit_row(commit_id).uniqueness_key) == (JANUARY, "order-1")
    assert book.entries(commit_id) == [entry("PREPAID_COMMIT_EXPIRATION", "-1000")]
    (item,) = book.obligations(commit_id)
    assert (item.state, item.suppressed_by, item.reason) == ("suppressed", "archived", "archived")
    book.use(JANUARY, "30")
    book.close(APRIL)
    assert [(invoice.type, invoice.total) for invoice in book.invoices()] == [("USAGE", 30)]
    assert book.audits() == [("archive_commit", str(commit_id))]
    assert ("commit.archived", [commit_id]) in book.events()
    assert book.differences() == []


def test_what_was_to_come_expires_now(book: ChangeBook) -> None:
    """Access that would have begun later is over when the commit is archived, not when it would have begun."""
    later = {"amount": 5, "starting_at": "2030-04-01T00:00:00Z", "ending_before": "2030-07-01T00:00:00Z"}
    credit = book.request("CREDIT", access_schedule={"schedule_items": [later]})
    book.archive(credit)
    (expired,) = book.rows("SELECT * FROM ledger_entry WHERE commit_id = :id AND type ~ 'EXPIRATION'", id=credit)
    assert (expired.amount, expired.effective_at) == (-5, JANUARY)
    assert book.differences() == []


def test_archived_twice_changes_once(book: ChangeBook) -> None:
    """A repeated call finds nothing to do, nothing is booked any more; a credit has an event of its own."""
    credit = book.request("CREDIT")
    assert book.archive(credit).after != {}
    assert book.archive(credit).after == {}
    with pytest.raises(AdjustmentRefused, match="archived"), book.engine.begin() as connection:
        adjust_commit(
            connection,
            account_id=book.account_id,
            commit_id=credit,
            amount=Decimal(1),
            reason="goodwill",
            actor="key",
        )
    assert book.events() == [("credit.archived", [credit])]


def test_final_invoices_are_void_first(book: ChangeBook) -> None:
    """Invoices that bill it and usage that drew on it are named; voided, they stand in the way no more."""
    commit_id = book.request(invoice_schedule={"schedule_items": INSTALMENTS})
    book.use(JANUARY, "30")
    book.use(JANUARY, "20", contract_id=SILENT)
    book.close(JANUARY)
    usage, scheduled = book.invoices()
    (silent,) = book.rows("SELECT id FROM usage_period WHERE account_id = :account_id AND NOT is_invoiced")
    for number, each in enumerate((scheduled, usage, silent)):
        with pytest.raises(ChangeRefused, match=str(each.id)) as told:
            book.archive(commit_id)
        assert str(told.value).count("usage period") == 1, number
        book.void(each.id)
    book.archive(commit_id)
    assert book.balance(commit_id) == 0
    book.regenerate(usage.id)
    book.regenerate(silent.id)
    assert book.invoices()[-1].total == 30
    with pytest.raises(RegenerateRefused, match="archived"):
        book.regenerate(scheduled.id)
    assert book.differences() == []


def test_a_postpaid_commit_is_archived(book: ChangeBook) -> None:
    """Its true-up is suppressed and what it promised expires, now and not at the end."""
    commit_id = book.commit("POSTPAID", "1000")
    book.archive(commit_id)
    assert (book.state(commit_id), book.balance(commit_id)) == ("suppressed", 0)
    assert book.entries(commit_id) == [entry("POSTPAID_COMMIT_EXPIRATION", "-1000")]
    with pytest.raises(ChangeRefused, match="archived"):
        book.disable(commit_id)
    with pytest.raises(UnknownCommit):
        book.archive(new_id())
    assert book.differences() == []


def test_a_disabled_true_up_bills_nothing(book: ChangeBook) -> None:
    """Usage draws as before; what is left at the end expires, without invoice and number."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    assert book.disable(commit_id).after != {}
    assert book.disable(commit_id).after == {}
    assert (book.state(commit_id), book.balance(commit_id)) == ("pending", 1000)
    book.use(JANUARY, "250")
    book.close(JANUARY)
    assert book.entries(commit_id)[1:] == [entry("POSTPAID_COMMIT_EXPIRATION", "-750")]
    assert [invoice.type for invoice in book.invoices()] == ["USAGE"]
    assert book.audits() == [("disable_true_up", str(commit_id))]
    with pytest.raises(ChangeRefused, match="was suppressed"):
        book.disable(commit_id)
    assert book.differences() == []


def test_a_settled_true_up_is_not_disabled(book: ChangeBook) -> None:
    """What was invoiced is voided first; then no other is made, and the rest expires."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.close(JANUARY)
    (invoice,) = book.invoices()
    with pytest.raises(ChangeRefused, match=f"void invoice {invoice.id} first"):
        book.disable(commit_id)
    book.void(invoice.id)
    book.disable(commit_id)
    book.work()
    assert (book.balance(commit_id), book.state(commit_id), len(book.invoices())) == (0, "suppressed", 1)
    with pytest.raises(ChangeRefused, match="only POSTPAID"):
        book.disable(book.request())
    assert book.differences() == []
