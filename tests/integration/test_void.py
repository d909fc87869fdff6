"""What was finalized is voided, and made anew."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from tests.integration.change_book import ChangeBook, entry
from tests.integration.usage_book import FIRST, SECOND, SILENT, START, TRAFFIC
from trueup.ids import new_id
from trueup_worker.invoicing.regenerate import AlreadyRegenerated, RegenerateRefused
from trueup_worker.invoicing.void import UnknownInvoice, VoidRefused

JANUARY, FEBRUARY, MARCH = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3))
DRAWN = "AUTOMATED_INVOICE_DEDUCTION"
OWN = "WHERE account_id = :account_id"
ITEMS = [{"timestamp": "2030-01-01T00:00:00Z", "amount": 300}, {"timestamp": "2030-06-01T00:00:00Z", "amount": 700}]


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def test_an_instalment_is_voided_and_made_anew(book: ChangeBook) -> None:
    """Its successor has an id and a number of its own, the same date and terms, and names what it replaces."""
    commit_id = book.request(invoice_schedule={"schedule_items": ITEMS})
    book.work()
    (first,) = book.invoices()
    voided = book.void(first.id, "wrong address")
    assert (voided.was_void, voided.voided_at) == (False, START)
    again = book.regenerate(first.id)
    assert (again.replaces, again.is_final) == (first.id, False)
    book.work()
    void, second = book.invoices()
    assert (void.status, void.voided_at, void.number) == ("VOID", START, 1)
    assert (second.id, second.status, second.number) == (again.id, "FINALIZED", 2)
    assert (second.regenerated_from_id, second.issued_at, second.total) == (first.id, first.issued_at, Decimal(300))
    assert [(each.position, each.state) for each in book.obligations(commit_id)] == [
        (0, "voided"),
        (0, "issued"),
        (1, "pending"),
    ]
    assert book.audits() == [("void_invoice", str(first.id)), ("regenerate_invoice", str(first.id))]
    assert ("invoice.voided", [first.id]) in book.events()
    assert book.differences() == []


def test_a_void_true_up_gives_back_what_it_booked(book: ChangeBook) -> None:
    """The opposite entry has the same type and invoice; the next true-up bills what the ledger says then."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.use(JANUARY, "250")
    book.close(JANUARY)
    _, true_up = book.invoices()
    book.void(true_up.id)
    assert book.entries(commit_id)[1:] == [
        entry("POSTPAID_COMMIT_TRUEUP", "-750"),
        entry("POSTPAID_COMMIT_TRUEUP", "750"),
    ]
    linked = book.rows(f"SELECT DISTINCT invoice_id FROM ledger_entry {OWN} AND type = 'POSTPAID_COMMIT_TRUEUP'")
    assert [row.invoice_id for row in linked] == [true_up.id]
    assert (book.balance(commit_id), book.state(commit_id)) == (750, "voided")
    again = book.regenerate(true_up.id)
    book.work()
    assert (book.invoices()[-1].id, book.invoices()[-1].total) == (again.id, 750)
    assert book.differences() == []


def test_what_cannot_be_voided(book: ChangeBook) -> None:
    """Drafts, what has no invoice, what is unknown and what lacks a reason are refused, each with a message."""
    commit_id = book.request(invoice_schedule={"schedule_items": ITEMS[1:]}, applicable_product_ids=[str(TRAFFIC)])
    (draft,) = book.obligations(commit_id)
    with pytest.raises(VoidRefused, match="is a draft"):
        book.void(draft.id)
    with pytest.raises(UnknownInvoice, match="no finalized invoice"):
        book.void(new_id())
    with pytest.raises(VoidRefused, match="reason must be"):
        book.void(draft.id, " ")
    postpaid = book.commit("POSTPAID", "10", ends=FEBRUARY)
    book.use(JANUARY, "10")
    book.close(JANUARY)
    with pytest.raises(VoidRefused, match="nothing due"):
        book.void(book.obligations(postpaid)[0].id)
    assert book.audits() == []


def test_to_void_again_changes_nothing(book: ChangeBook) -> None:
    """Whoever repeats a doubtful call learns when it was voided; there is no second entry, event or audit row."""
    book.request(invoice_schedule={"schedule_items": ITEMS})
    book.request("CREDIT")
    book.use(JANUARY, "5")
    book.close(JANUARY)
    for invoice in book.invoices():
        first = book.void(invoice.id)
        book.go_to(MARCH)
        again = book.void(invoice.id, "another reason")
        assert (again.was_void, again.voided_at) == (True, first.voided_at)
    assert len(book.audits()) == 2
    assert [event for event, _ in book.events()].count("invoice.voided") == 2
    assert book.differences() == []


def test_a_void_usage_invoice_gives_back_what_it_drew(book: ChangeBook) -> None:
    """Every deduction is met by its opposite with the same invoice and period, and the number stays used."""
    prepaid, postpaid = book.request("PREPAID", 400), book.commit("POSTPAID", "400")
    book.use(JANUARY, "500")
    book.close(JANUARY)
    (invoice,) = book.invoices()
    book.void(invoice.id)
    assert (book.balance(prepaid), book.balance(postpaid)) == (400, 400)
    assert book.entries(prepaid) == [entry(f"PREPAID_COMMIT_{DRAWN}", "-400"), entry(f"PREPAID_COMMIT_{DRAWN}", "400")]
    booked = book.rows(f"SELECT invoice_id, period_id, effective_at FROM ledger_entry {OWN} AND period_id IS NOT NULL")
    assert set(booked) == {(invoice.id, invoice.id, FEBRUARY)}
    (void,) = book.invoices()
    assert (void.status, void.number, void.voided_at) == ("VOID", 1, datetime(2030, 2, 2, tzinfo=UTC))
    assert book.differences() == []


def test_a_regenerated_usage_invoice_takes_late_usage_in(book: ChangeBook) -> None:
    """It is finalized at once, with all lines of its month, and the late ones are late no more."""
    book.request("PREPAID", 400)
    book.use(JANUARY, "300")
    book.close(JANUARY)
    book.use(JANUARY, "150")
    (invoice,) = book.invoices()
    assert book.rows(f"SELECT is_late FROM usage_line {OWN} ORDER BY is_late") == [(False,), (True,)]
    book.void(invoice.id)
    again = book.regenerate(invoice.id)
    second = book.invoices()[-1]
    assert (again.is_final, second.id, second.status, second.total) == (True, again.id, "FINALIZED", 50)
    assert (second.number, second.regenerated_from_id, second.issued_at) == (2, invoice.id, FEBRUARY)
    assert book.rows(f"SELECT DISTINCT is_late FROM usage_line {OWN}") == [(False,)]
    assert book.differences() == []


def test_what_had_expired_pays_again(book: ChangeBook) -> None:
    """A balance that expired after the month pays when the month is made anew, and then expires anew."""
    commit_id = book.request("PREPAID", 400, "2030-02-01")
    book.use(JANUARY, "300")
    book.close(JANUARY)
    assert book.entries(commit_id)[-1] == entry("PREPAID_COMMIT_EXPIRATION", "-100")
    book.use(JANUARY, "20")
    (invoice,) = book.invoices()
    book.void(invoice.id)
    assert book.balance(commit_id) == 400
    book.work()  # the scheduler does not wait for the operator
    assert book.balance(commit_id) == 0
    book.regenerate(invoice.id)
    assert (book.balance(commit_id), book.invoices()[-1].total) == (80, 0)
    book.work()
    assert book.balance(commit_id) == 0
    assert book.entries(commit_id)[-1] == entry("PREPAID_COMMIT_EXPIRATION", "-80")
    assert book.differences() == []


def test_a_period_without_invoice_is_voided_by_its_own_id(book: ChangeBook) -> None:
    """A contract that is not invoiced draws, gives back and draws anew; no number is used, no event is sent."""
    commit_id = book.request("CREDIT", 400)
    book.use(JANUARY, "300", contract_id=SILENT)
    book.close(JANUARY)
    (period,) = book.rows(f"SELECT * FROM usage_period {OWN}")
    book.void(period.id)
    assert book.balance(commit_id) == 400
    again = book.regenerate(period.id)
    assert book.balance(commit_id) == 100
    (live,) = book.rows(f"SELECT * FROM usage_period {OWN} AND voided_at IS NULL")
    assert (live.id, live.regenerated_from_id) == (again.id, period.id)
    assert (book.invoices(), book.events()) == ([], [])
    assert book.differences() == []


def test_a_usage_invoice_behind_a_final_true_up_stays(book: ChangeBook) -> None:
    """It is voided only after the true-up that counted its usage, which the refusal names."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.use(JANUARY, "250")
    book.close(JANUARY)
    usage, true_up = book.invoices()
    with pytest.raises(VoidRefused, match=f"void that invoice first: {true_up.id} .number 2"):
        book.void(usage.id)
    book.void(true_up.id)
    book.void(usage.id)
    assert [invoice.status for invoice in book.invoices()] == ["VOID", "VOID"]
    assert book.differences() == []


def test_a_true_up_that_found_nothing_due_is_decided_anew(book: ChangeBook) -> None:
    """Usage that it counted is void: it is held until the usage is made anew, and then settles again."""
    commit_id = book.commit("POSTPAID", "250", ends=FEBRUARY)
    book.use(JANUARY, "250")
    book.close(JANUARY)
    assert book.state(commit_id) == "nothing_due"
    (usage,) = book.invoices()
    book.void(usage.id)
    book.work()
    (held,) = book.obligations(commit_id)
    assert (held.state, held.reason) == ("held", "usage_voided")
    book.regenerate(usage.id)
    assert book.state(commit_id) == "pending"
    book.work()
    assert book.state(commit_id) == "nothing_due"
    assert book.differences() == []


def test_a_suppressed_true_up_expires_anew(book: ChangeBook) -> None:
    """What a suppressed true-up let expire comes back with the usage, and expires again after it."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.disable(commit_id)
    book.use(JANUARY, "250")
    book.close(JANUARY)
    assert book.balance(commit_id) == 0
    (usage,) = book.invoices()
    book.void(usage.id)
    assert (book.balance(commit_id), book.state(commit_id)) == (1000, "pending")
    book.regenerate(usage.id)
    assert book.balance(commit_id) == 750
    book.work()
    assert (book.balance(commit_id), book.state(commit_id)) == (0, "suppressed")
    assert book.differences() == []


def test_a_held_true_up_goes_on_when_the_usage_is_made_anew(book: ChangeBook) -> None:
    """Usage billed before the commit was made is burned down on it by void and regenerate; the true-up is due then."""
    book.use(JANUARY, "250")
    book.close(JANUARY)
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.work()
    assert book.state(commit_id) == "held"
    (usage,) = book.invoices()
    book.void(usage.id)
    book.work()
    assert book.state(commit_id) == "held"
    book.regenerate(usage.id)
    book.work()
    assert book.state(commit_id) == "issued"
    assert [(invoice.type, invoice.status, invoice.total) for invoice in book.invoices()] == [
        ("USAGE", "VOID", 250),
        ("USAGE", "FINALIZED", 250),
        ("SCHEDULED", "FINALIZED", 750),
    ]
    assert book.differences() == []


def test_a_held_true_up_waits_for_all_of_its_usage(book: ChangeBook) -> None:
    """Two of its months are void: it is not billed before both are made anew."""
    commit_id = book.commit("POSTPAID", "100", ends=MARCH)
    book.use(JANUARY, "60")
    book.use(FEBRUARY, "60")
    book.close(FEBRUARY)
    assert book.state(commit_id) == "nothing_due"
    usage = [invoice.id for invoice in book.invoices()]
    for key in usage:
        book.void(key)
    book.regenerate(usage[1])
    book.work()
    assert book.state(commit_id) == "held"
    book.regenerate(usage[0])
    book.work()
    assert (book.state(commit_id), book.balance(commit_id)) == ("nothing_due", 0)
    assert [invoice.total for invoice in book.invoices()] == [60, 60, 60, 60]
    assert book.differences() == []


def test_a_held_true_up_waits_only_for_what_concerns_it(book: ChangeBook) -> None:
    """Usage that is void for good does not hold it up where it is another contract's."""
    book.use(JANUARY, "250")
    book.use(JANUARY, "50", contract_id=SECOND)
    book.close(JANUARY)
    first, second = sorted(book.invoices(), key=lambda invoice: invoice.contract_id != FIRST)
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY, applicable_contract_ids=[str(FIRST)])
    book.work()
    assert book.state(commit_id) == "held"
    book.void(second.id)
    book.void(first.id)
    book.regenerate(first.id)
    book.work()
    assert (book.state(commit_id), book.invoices()[-1].total) == ("issued", 750)
    assert book.differences() == []


def test_a_true_up_over_invoiced_usage_waits_for_all_of_it(book: ChangeBook) -> None:
    """Void, all of it, and then made anew one by one: what is not made anew yet would be billed twice."""
    book.use(JANUARY, "60")
    book.use(FEBRUARY, "60")
    book.close(FEBRUARY)
    usage = [invoice.id for invoice in book.invoices()]
    commit_id = book.commit("POSTPAID", "200", ends=MARCH)
    book.work()
    for key in usage:
        book.void(key)
    book.regenerate(usage[0])
    book.work()
    assert book.state(commit_id) == "held"
    book.regenerate(usage[1])
    book.work()
    assert (book.state(commit_id), book.invoices()[-1].total) == ("issued", 80)
    assert book.differences() == []


def test_a_true_up_that_is_due_waits_for_usage_that_is_void(book: ChangeBook) -> None:
    """It is held as one that had settled: else it would ask for what the usage is about to draw again."""
    commit_id = book.commit("POSTPAID", "250", ends=FEBRUARY)
    book.use(JANUARY, "150")
    book.use(JANUARY, "100", contract_id=SECOND)
    book.close(JANUARY)
    one, other = (invoice.id for invoice in book.invoices())
    book.void(one)
    book.regenerate(one)
    assert book.state(commit_id) == "pending"
    book.void(other)
    book.work()
    assert (book.state(commit_id), book.obligations(commit_id)[0].reason) == ("held", "usage_voided")
    book.regenerate(other)
    book.work()
    assert book.state(commit_id) == "nothing_due"
    assert book.differences() == []


def test_what_was_released_stays_so_when_it_is_made_anew(book: ChangeBook) -> None:
    """A released true-up is voided and made anew: the operator is not asked again."""
    book.use(JANUARY, "250")
    book.close(JANUARY)
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.work()
    book.release(commit_id)
    book.work()
    true_up = book.invoices()[-1].id
    book.void(true_up)
    book.regenerate(true_up)
    book.work()
    assert [each.state for each in book.obligations(commit_id)] == ["voided", "issued"]


def test_a_release_is_of_the_reason_that_was_told(book: ChangeBook) -> None:
    """Let go although usage is void, a true-up is held all the same where other usage was charged that it covers."""
    commit_id = book.commit("POSTPAID", "250", ends=MARCH)
    book.use(JANUARY, "250")
    book.use(FEBRUARY, "60")
    book.close(FEBRUARY)
    assert book.state(commit_id) == "nothing_due"
    book.void(book.invoices()[0].id)
    book.work()
    assert book.obligations(commit_id)[0].reason == "usage_voided"
    book.release(commit_id)
    book.work()
    assert (book.state(commit_id), book.obligations(commit_id)[0].reason) == ("held", "usage_already_invoiced")


@pytest.mark.parametrize("drawn", ["0", "100"])
def test_late_usage_draws_on_a_promise_that_is_not_trued_up(book: ChangeBook, drawn: str) -> None:
    """At its price, as usage in time would have; what is left expires anew."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY, rate_type="COMMIT_RATE")
    book.disable(commit_id)
    book.use(JANUARY, drawn, "2", commit_price="1")
    book.close(JANUARY)
    book.use(JANUARY, "50", "2", commit_price="1")
    for usage in book.invoices():
        book.void(usage.id)
    book.take_late_in(FIRST, JANUARY)
    left = 950 - int(drawn)
    assert (book.invoices()[-1].total, book.balance(commit_id)) == (1000 - left, left)
    book.work()
    assert (book.state(commit_id), book.balance(commit_id)) == ("suppressed", 0)
    assert book.entries(commit_id)[-1] == entry("POSTPAID_COMMIT_EXPIRATION", f"-{left}")
    assert book.differences() == []


def test_only_what_is_void_is_made_anew_and_once(book: ChangeBook) -> None:
    """Drafts, final invoices and unknown ids are refused; who comes second is told what the first one made."""
    commit_id = book.request(invoice_schedule={"schedule_items": ITEMS})
    book.use(JANUARY, "5")
    book.close(JANUARY)
    for invoice in book.invoices():
        with pytest.raises(RegenerateRefused, match="only void invoices"):
            book.regenerate(invoice.id)
        book.void(invoice.id)
        made = book.regenerate(invoice.id)
        with pytest.raises(AlreadyRegenerated, match=str(made.id)) as told:
            book.regenerate(invoice.id)
        assert told.value.successor_id == made.id
    with pytest.raises(RegenerateRefused, match="is pending"):
        book.regenerate(book.obligations(commit_id)[-1].id)
    with pytest.raises(UnknownInvoice):
        book.regenerate(new_id())
    assert book.differences() == []


def test_late_usage_of_a_month_that_had_none(book: ChangeBook) -> None:
    """The month was closed by an expiry, without a period: the command for a contract's month makes one."""
    commit_id = book.request("CREDIT", 400, "2030-02-01")
    book.close(JANUARY)
    with pytest.raises(RegenerateRefused, match="no late usage in 2030-01"):
        book.take_late_in(FIRST, JANUARY)
    book.use(JANUARY, "500")
    assert book.work() == book.work()
    (made,) = book.take_late_in(FIRST, datetime(2030, 1, 15, tzinfo=UTC))
    (invoice,) = book.invoices()
    assert (made.id, made.replaces, made.is_final) == (invoice.id, None, True)
    assert (invoice.total, book.balance(commit_id)) == (100, 0)
    book.use(JANUARY, "1")
    with pytest.raises(RegenerateRefused, match=f"closed by {invoice.id}"):
        book.take_late_in(FIRST, JANUARY)
    book.void(invoice.id)
    (again,) = book.take_late_in(FIRST, JANUARY)
    assert (again.replaces, book.invoices()[-1].total) == (invoice.id, 101)
    with pytest.raises(RegenerateRefused, match="no contract"):
        book.take_late_in(new_id(), JANUARY)
    book.work()
    assert book.differences() == []


def test_the_database_lets_a_void_through_and_nothing_else(book: ChangeBook) -> None:
    """Invoices and periods are voided once, late usage is taken in; nothing else about them changes or goes."""
    book.use(JANUARY, "5")
    book.close(JANUARY)
    book.use(JANUARY, "1")
    (invoice,) = book.invoices()
    refused = ["DELETE FROM usage_line", "DELETE FROM usage_period", "DELETE FROM invoice"]
    refused += [f"UPDATE usage_line SET {change}" for change in ("is_late = true", "quantity = 2", "is_late = false")]
    refused += ["UPDATE usage_period SET is_invoiced = false", "UPDATE invoice SET total = 1"]
    book.void(invoice.id)
    refused += [f"UPDATE {table} SET voided_at = now()" for table in ("invoice", "usage_period")]
    refused += ["UPDATE invoice SET status = 'FINALIZED'", "UPDATE usage_period SET voided_at = NULL"]
    for change in refused:
        with pytest.raises(IntegrityError, match=r"is final|append-only|never changed"):
            book.run(change)
