"""A commitment is charged once, whatever is voided, made anew, released, raised or comes late, in whatever order."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER, FIRST, SECOND, SILENT, STORAGE, TRAFFIC
from trueup_worker.commit_changes.refusal import ChangeRefused
from trueup_worker.invoicing.correct import CorrectionRefused
from trueup_worker.invoicing.mark import mark_invoice
from trueup_worker.invoicing.regenerate import RegenerateRefused
from trueup_worker.invoicing.release import ReleaseRefused
from trueup_worker.invoicing.void import VoidRefused

JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def charged(book: ChangeBook) -> list[Decimal]:
    """What the invoices that are not void ask for."""
    return [each.total for each in book.invoices() if each.status == "FINALIZED"]


def held(book: ChangeBook, commit_id: object) -> str:
    """Why the commit's last obligation is held."""
    row = book.obligations(commit_id)[-1]  # type: ignore[arg-type]
    assert row.state == "held", row.state
    return str(row.reason)


def test_usage_that_was_void_before_the_true_up_holds_it(book: ChangeBook) -> None:
    """1,000 over January, usage 300 voided before the true-up falls due: held, and 700 once the usage is made anew."""
    commit_id = book.commit("POSTPAID", "1000", ends=MARCH)
    book.use(JANUARY, "300")
    book.close(JANUARY)
    (usage,) = book.invoices()
    book.void(usage.id)
    book.close(FEBRUARY)
    assert held(book, commit_id) == "usage_voided"
    book.regenerate(usage.id)
    book.work()
    assert charged(book) == [300, 700]
    assert book.differences() == []


def test_late_usage_beside_an_issued_true_up_is_refused(book: ChangeBook) -> None:
    """A month that had no invoice, of this contract or another, would draw on what was billed as a shortfall."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.close(JANUARY)
    (true_up,) = book.invoices()
    for contract_id in (FIRST, SECOND):
        book.use(JANUARY, "300", contract_id=contract_id)
        with pytest.raises(RegenerateRefused, match=rf"{true_up.id} .number 1.*correct --customer {CUSTOMER}"):
            book.take_late_in(contract_id, JANUARY)
    assert charged(book) == [1000]
    made = book.correct(JANUARY)
    assert [(each.type, each.before, each.after) for each in made] == [
        ("USAGE", 0, 300),
        ("USAGE", 0, 300),
        ("TRUE_UP", 1000, 400),
    ]
    assert charged(book) == [300, 300, 400]
    assert book.differences() == []


def test_usage_that_the_commit_does_not_cover_is_made_anew_beside_its_true_up(book: ChangeBook) -> None:
    """Late usage of another product draws on nothing that was trued up."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY, applicable_product_ids=[str(STORAGE)])
    book.close(JANUARY)
    book.use(JANUARY, "300", product_id=str(TRAFFIC))
    book.take_late_in(FIRST, JANUARY)
    assert charged(book) == [1000, 300]
    assert book.differences() == []


def test_a_released_true_up_settles_the_void_usage(book: ChangeBook) -> None:
    """Fully used, voided, released: the true-up asks for 1,000, and the usage is not made anew before that is void."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.use(JANUARY, "1000")
    book.close(JANUARY)
    (usage,) = book.invoices()
    book.void(usage.id)
    book.work()
    assert held(book, commit_id) == "usage_voided"
    book.release(commit_id)
    book.work()
    true_up = book.invoices()[-1]
    assert charged(book) == [1000]
    with pytest.raises(RegenerateRefused, match=f"{true_up.id} was released to bill for the usage"):
        book.regenerate(usage.id)
    book.void(true_up.id)
    book.regenerate(true_up.id)
    book.work()
    assert held(book, commit_id) == "usage_voided"
    book.regenerate(usage.id)
    book.work()
    assert charged(book) == [1000]
    assert book.state(commit_id) == "nothing_due"
    assert book.differences() == []


@pytest.mark.parametrize("beside", ["overage", "another commit"])
def test_void_usage_that_had_charged_more_is_not_released(book: ChangeBook, beside: str) -> None:
    """Nobody would ask for the rest of it any more: it is corrected, or made anew."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    if beside == "another commit":
        book.commit("POSTPAID", "500", ends=MARCH, priority="2")
    book.use(JANUARY, "1200")
    book.close(JANUARY)
    book.void(book.invoices()[0].id)
    book.work()
    with pytest.raises(ReleaseRefused, match=r"had charged more than this commit's part.*invoices correct"):
        book.release(commit_id)
    book.correct(JANUARY)
    assert charged(book) == [1200]
    assert book.differences() == []


@pytest.mark.parametrize("how", ["raised", "adjusted"])
def test_a_commitment_that_was_raised_after_usage_is_held_and_corrected(book: ChangeBook, how: str) -> None:
    """Committed 1,000, used 1,600, raised by 500: 1,600 were used and are charged, 2,100 were asked for before."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY, at=MARCH)
    book.use(JANUARY, "1600")
    book.close(JANUARY)
    if how == "raised":
        book.change_promise(commit_id, amount=1500)
    else:
        book.adjust(commit_id, "500")
    book.close(FEBRUARY)
    assert held(book, commit_id) == "usage_already_invoiced"
    preview = book.correct(JANUARY, dry_run=True)
    assert held(book, commit_id) == "usage_already_invoiced"
    made = book.correct(JANUARY)
    assert [(each.before, each.after, each.difference, each.state) for each in made] == [
        (1600, 1600, 0, None),
        (0, 0, 0, "nothing_due"),
    ]
    assert [(each.before, each.after) for each in preview] == [(each.before, each.after) for each in made]
    assert charged(book) == [1600]
    assert book.correct(JANUARY) == []
    assert book.differences() == []


def test_a_prepaid_commit_that_came_late_moves_what_postpaid_draws(book: ChangeBook) -> None:
    """January's 500 are paid by it once made anew, February's 1,100 have 600 of overage: the shortfall is held."""
    commit_id = book.commit("POSTPAID", "1000", ends=MARCH)
    book.use(JANUARY, "500")
    book.use(FEBRUARY, "1100")
    book.close(FEBRUARY)
    january, february = book.invoices()
    book.commit("PREPAID", "500", ends=FEBRUARY, paid=False)
    book.void(january.id)
    book.regenerate(january.id)
    book.work()
    assert held(book, commit_id) == "usage_already_invoiced"
    book.correct(JANUARY)
    assert charged(book) == [0, 1100]
    assert book.invoices()[-1].regenerated_from_id == february.id
    assert book.state(commit_id) == "nothing_due"
    assert book.differences() == []


def test_an_edit_that_puts_a_commit_before_the_one_that_paid_is_refused(book: ChangeBook) -> None:
    """Its true-up was issued: usage that another one paid would have filled it, had it come first."""
    first = book.commit("POSTPAID", "100", ends=FEBRUARY, priority="1")
    second = book.commit("POSTPAID", "1000", ends=FEBRUARY, priority="2")
    book.use(JANUARY, "300")
    book.close(JANUARY)
    (true_up,) = (each for each in book.invoices() if each.commit_id == second)
    for commit_id, priority in ((first, 3), (second, 0)):
        with pytest.raises(ChangeRefused, match=f"void that invoice first: {true_up.id} .number 2"):
            book.edit(commit_id, priority=priority)
    book.void(true_up.id)
    book.edit(second, priority=0)
    book.regenerate(true_up.id)
    book.work()
    assert held(book, second) == "usage_already_invoiced"
    book.correct(JANUARY)
    assert sorted(charged(book)) == [100, 300, 700]  # the first one's shortfall too, as all usage is the second's now
    assert book.differences() == []


def test_what_is_held_concerns_the_lines_of_the_commit(book: ChangeBook) -> None:
    """Usage of the same month that the commit does not cover holds nothing."""
    book.use(JANUARY, "300", product_id=str(TRAFFIC))
    book.close(JANUARY)
    book.commit("POSTPAID", "1000", ends=FEBRUARY, applicable_product_ids=[str(STORAGE)])
    book.work()
    assert charged(book) == [300, 1000]
    assert book.differences() == []


def test_a_correction_leaves_alone_what_stands_as_it_should(book: ChangeBook) -> None:
    """Late usage of one contract makes that contract's month anew: other invoices keep their numbers."""
    book.commit("PREPAID", "1000", ends=APRIL, paid=False)
    book.use(JANUARY, "10")
    book.use(JANUARY, "20", contract_id=SECOND)
    book.use(JANUARY, "5", contract_id=SILENT)
    book.use(FEBRUARY, "30")
    book.close(FEBRUARY)
    before = [each.id for each in book.invoices()]
    book.use(JANUARY, "7", contract_id=SECOND)
    (made,) = book.correct(JANUARY)
    assert (made.contract_id, made.before_id in before, made.after_number) == (SECOND, True, 4)
    assert [each.status for each in book.invoices()].count("VOID") == 1
    book.use(JANUARY, "7", contract_id=SILENT)
    (made,) = book.correct(JANUARY)
    assert (made.type, made.before, made.after) == ("PERIOD", 0, 0)
    assert book.differences() == []


def test_a_correction_reaches_later_months_that_depend_on_it(book: ChangeBook) -> None:
    """Late usage in January uses up what February had drawn: both are made anew, and so is the true-up."""
    postpaid = book.commit("POSTPAID", "1000", ends=MARCH)
    book.commit("PREPAID", "100", ends=MARCH, paid=False)
    book.use(JANUARY, "40")
    book.use(FEBRUARY, "60")
    book.close(FEBRUARY)
    assert charged(book) == [0, 0, 1000]
    book.use(JANUARY, "50")
    made = book.correct(JANUARY)
    assert [(each.type, each.after) for each in made] == [("USAGE", 0), ("USAGE", 50), ("TRUE_UP", 950)]
    assert sum(each.difference for each in made) == 0
    assert book.state(postpaid) == "issued"
    book.work()
    assert book.differences() == []


def test_what_is_paid_or_exported_is_neither_voided_nor_corrected(book: ChangeBook) -> None:
    """The mark says that others rely on the invoice; taking it back needs a reason."""
    book.use(JANUARY, "300")
    book.close(JANUARY)
    (usage,) = book.invoices()
    book.use(JANUARY, "50")

    def mark(name: str, *, is_set: bool, reason: str | None = None) -> None:
        with book.engine.begin() as connection:
            mark_invoice(
                connection,
                account_id=book.account_id,
                invoice_id=usage.id,
                mark=name,  # type: ignore[arg-type]
                is_set=is_set,
                reason=reason,
                actor="key",
            )

    for name in ("paid", "exported"):
        mark(name, is_set=True)
        with pytest.raises(CorrectionRefused, match=f"marked: number 1 .{name}."):
            book.correct(JANUARY)
        with pytest.raises(VoidRefused, match=f"invoice 1 is marked {name}"):
            book.void(usage.id)
        with pytest.raises(VoidRefused, match="reason"):
            mark(name, is_set=False)
        mark(name, is_set=False, reason="bounced")
    book.correct(JANUARY)
    assert charged(book) == [350]
    assert book.differences() == []


def test_only_closed_months_are_corrected(book: ChangeBook) -> None:
    """Usage of an open month counts as it comes; a reason is needed."""
    book.use(JANUARY, "300")
    with pytest.raises(CorrectionRefused, match="no closed month 2030-01"):
        book.correct(JANUARY)
    book.close(JANUARY)
    assert book.correct(JANUARY) == []
    with pytest.raises(CorrectionRefused, match="no closed month 2030-02"):
        book.correct(FEBRUARY)


def test_a_held_true_up_is_told(book: ChangeBook) -> None:
    """By an event with its reason, once for each time that it is held."""
    commit_id = book.commit("POSTPAID", "1000", ends=FEBRUARY)
    book.use(JANUARY, "1000")
    book.close(JANUARY)
    book.void(book.invoices()[0].id)
    book.work()
    (row,) = book.obligations(commit_id)
    assert ("invoice.held", [row.id]) in book.events()
