"""Entries booked by hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.integration.book import LAST_YEAR, Book
from trueup.ids import new_id
from trueup.store.postgres.already_used import AlreadyUsed
from trueup_worker.invoicing.adjust import Adjustment, AdjustmentRefused, UnknownCommit, adjust_commit
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.reporting.reconcile import reconcile

NEXT_CENTURY = datetime(2101, 1, 1, tzinfo=UTC)


def adjust(book: Book, commit_id: UUID, amount: str, reason: str = "goodwill", **more: Any) -> Adjustment:
    """Books one entry."""
    with book.engine.begin() as connection:
        return adjust_commit(
            connection,
            account_id=book.account_id,
            commit_id=commit_id,
            amount=Decimal(amount),
            reason=reason,
            actor="key",
            **more,
        )


def test_the_entry_is_of_the_commits_type(book: Book) -> None:
    """PREPAID, POSTPAID and credits each have a manual entry type of their own, of either sign."""
    prepaid, postpaid, credit = book.prepaid((LAST_YEAR, "1")), book.postpaid("10"), book.credit("5")
    for commit_id, amount in ((prepaid, "-0.5"), (postpaid, "2"), (credit, "0.000000000001")):
        adjust(book, commit_id, amount)
    assert book.entries(prepaid)[1:] == [("PREPAID_COMMIT_MANUAL", Decimal("-0.5"))]
    assert book.entries(postpaid)[1:] == [("POSTPAID_COMMIT_MANUAL", Decimal(2))]
    assert book.entries(credit)[1:] == [("CREDIT_MANUAL", Decimal("0.000000000001"))]


def test_it_is_audited_with_the_balance_before_and_after(book: Book) -> None:
    """The audit row says who, what and why, and what the segment's balance became; below zero is allowed."""
    commit_id = book.postpaid("10")
    made = adjust(book, commit_id, "-12.50", "lost a lawsuit")
    assert (made.balance_before, made.balance_after) == (Decimal(10), Decimal("-2.5"))
    (noted,) = book.rows("SELECT * FROM audit")
    assert (noted.actor, noted.action, noted.subject) == ("key", "adjust_commit", str(commit_id))
    assert noted.before == {"segment": 0, "balance": "10"}
    assert noted.after == {
        "segment": 0,
        "balance": "-2.5",
        "amount": "-12.5",
        "reason": "lost a lawsuit",
        "entry_id": str(made.entry_id),
    }


def test_a_segment_must_be_named_where_there_are_several(book: Book) -> None:
    """With one segment it is that one; with several the position decides, and must exist."""
    credit = book.credit("5", "7")
    with pytest.raises(AdjustmentRefused, match="2 segments"):
        adjust(book, credit, "1")
    with pytest.raises(AdjustmentRefused, match="no segment 2"):
        adjust(book, credit, "1", segment=2)
    assert adjust(book, credit, "1", segment=1).balance_after == 8


def test_after_the_true_up_the_balance_is_closed(book: Book) -> None:
    """An entry after the true-up is refused, whether it was invoiced, found nothing due or was suppressed."""
    invoiced, drawn = book.postpaid("10"), book.postpaid("10")
    suppressed = book.postpaid("10", suppressed_by="do_not_invoice")
    adjust(book, drawn, "-10")
    issue_all_due(book.engine, book.account_id)
    for commit_id, why in ((invoiced, "was invoiced"), (drawn, "found nothing due"), (suppressed, "was suppressed")):
        with pytest.raises(AdjustmentRefused, match=why):
            adjust(book, commit_id, "1")


@pytest.mark.parametrize("amount", ["0", "NaN", "Infinity", "1000000000000000000", "0.0000000000001"])
def test_an_amount_that_is_none_is_refused(book: Book, amount: str) -> None:
    """Zero, what is not finite, and what has more than 18 digits before the point or 12 after it."""
    with pytest.raises(AdjustmentRefused):
        adjust(book, book.postpaid("10"), amount)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\x00b"])
def test_a_reason_is_needed(book: Book, reason: str) -> None:
    """An entry without words that can be stored is refused."""
    with pytest.raises(AdjustmentRefused):
        adjust(book, book.postpaid("10"), "1", reason)


def test_an_unknown_commit_is_refused(book: Book) -> None:
    """An id that is no commit of this account is unknown."""
    with pytest.raises(UnknownCommit):
        adjust(book, new_id(), "1")


def test_it_is_dated_as_it_is_told(book: Book) -> None:
    """At the account's present, at its segment's start, or at any instant; it counts at once, and nothing differs."""
    credit = book.credit("5", "7")
    ids = [row.id for row in book.rows("SELECT id FROM segment ORDER BY position")]
    for effective_at in ("now", "start", NEXT_CENTURY):
        adjust(book, credit, "1", segment=ids[1], effective_at=effective_at)
    found = book.rows(
        "SELECT e.effective_at, s.starting_at, s.position"
        "  FROM ledger_entry AS e JOIN segment AS s ON s.id = e.segment_id WHERE e.type ~ 'MANUAL' ORDER BY e.seq"
    )
    assert [row.position for row in found] == [1, 1, 1]
    assert found[0].effective_at > found[1].effective_at == found[1].starting_at
    assert found[2].effective_at == NEXT_CENTURY
    assert adjust(book, credit, "1", segment=1).balance_after == 11
    with book.engine.begin() as connection:
        assert reconcile(connection, book.account_id) == []


def test_a_key_works_once(book: Book) -> None:
    """Of many entries with one uniqueness key at once one is booked, and the others name it; what fails uses no key."""
    commit_id = book.postpaid("10")
    with pytest.raises(AdjustmentRefused):
        adjust(book, commit_id, "1", segment=7, uniqueness_key="ticket")

    def one(_: int) -> UUID:
        try:
            return adjust(book, commit_id, "-1", uniqueness_key="ticket").entry_id
        except AlreadyUsed as error:
            return error.holder

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert book.entries(commit_id)[1:] == [("POSTPAID_COMMIT_MANUAL", Decimal(-1))]


def test_it_is_of_the_customer(book: Book) -> None:
    """Where a customer or a segment is named, another's commit or segment is unknown."""
    mine, other = book.postpaid("10"), book.postpaid("10")
    [theirs] = book.rows("SELECT id FROM segment WHERE commit_id = :key", key=other)
    for wrong in ({"customer_id": new_id()}, {"segment": theirs.id}):
        with pytest.raises(UnknownCommit):
            adjust(book, mine, "1", **wrong)
