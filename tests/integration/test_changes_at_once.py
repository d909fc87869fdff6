"""Voids, regenerations and changes at the same time: one of them happens, the other is told."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.test_batch_undo import batched, undo
from tests.integration.test_invoicing_at_once import until
from tests.integration.usage_book import FIRST, SECOND, SILENT
from trueup.store.invoices.obligations import claim_due
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.invoicing.issue import settle_claimed
from trueup_worker.invoicing.mark import mark_invoice
from trueup_worker.invoicing.regenerate import AlreadyRegenerated, regenerate_invoice
from trueup_worker.invoicing.void import VoidRefused, void_invoice

JANUARY, FEBRUARY = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2))
INSTALMENT = {"schedule_items": [{"timestamp": "2030-01-01T00:00:00Z", "amount": 300}]}
_WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def book(common_database: Engine) -> ChangeBook:
    """A sandbox's book on 1 January 2030."""
    return ChangeBook(common_database)


def second_of(book: ChangeBook, first: Callable[[Any], Any], second: Callable[[], Any]) -> Future[Any]:
    """What comes of the second of two units that begin before the first has committed; it waits for the first."""
    with ThreadPoolExecutor(1) as pool, book.engine.begin() as connection:
        first(connection)
        waiting = pool.submit(second)
        until(lambda: len(book.rows(_WAITING)) == 1)
        connection.commit()
    return waiting


def test_two_regenerations_at_once_make_one_successor(book: ChangeBook) -> None:
    """Of instalment, usage invoice and usage period: the second caller learns the id that the first one made."""
    book.request("POSTPAID", 500, invoice_schedule=INSTALMENT | {"do_not_invoice": True} | _item(500))
    book.request(amount=5, invoice_schedule=INSTALMENT)
    book.use(JANUARY, "30")
    book.use(JANUARY, "20", contract_id=SILENT)
    book.close(JANUARY)
    (silent,) = book.rows("SELECT id FROM usage_period WHERE account_id = :account_id AND NOT is_invoiced")
    for void in [invoice.id for invoice in book.invoices()] + [silent.id]:
        book.void(void)
        made: list[Any] = []

        def first(connection: Any, key: Any = void, made: list[Any] = made) -> None:
            made.append(regenerate_invoice(connection, account_id=book.account_id, invoice_id=key, actor="key"))

        late = second_of(book, first, lambda key=void: book.regenerate(key))
        with pytest.raises(AlreadyRegenerated) as told:
            late.result()
        assert told.value.successor_id == made[0].id
    book.work()
    successors = book.rows(
        "SELECT id FROM invoice WHERE account_id = :account_id AND regenerated_from_id IS NOT NULL UNION ALL "
        "SELECT id FROM usage_period WHERE account_id = :account_id AND NOT is_invoiced AND voided_at IS NULL"
    )
    assert len(successors) == 3
    assert book.differences() == []


def _item(amount: int) -> dict[str, Any]:
    return {"schedule_items": [{"timestamp": "2031-01-01T00:00:00Z", "amount": amount}]}


def test_a_void_waits_for_the_true_up_that_settles(book: ChangeBook) -> None:
    """Usage is voided before its true-up settles, and is not counted, or waits for it and is refused."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY, at=datetime(2030, 3, 1, tzinfo=UTC))
    book.use(JANUARY, "250")
    book.close(JANUARY)
    (usage,) = book.invoices()
    book.run("UPDATE account SET clock_at = '2030-03-01Z' WHERE id = :account_id")

    def settle_true_up(connection: Any) -> None:
        settle_claimed(
            connection, book.account_id, claim_due(connection, book.account_id, rows_max=9, usage_grace_h=24)
        )

    late = second_of(book, settle_true_up, lambda: book.void(usage.id))
    with pytest.raises(VoidRefused, match="entered a finalized true-up"):
        late.result()
    assert [invoice.total for invoice in book.invoices()] == [250, 750]
    assert book.differences() == []


def test_a_true_up_passes_over_what_is_being_voided(book: ChangeBook) -> None:
    """Whoever settles does not wait: the true-up settles at the next look, with what is left of the usage."""
    book.commit("POSTPAID", "1000", ends=FEBRUARY, at=datetime(2030, 3, 1, tzinfo=UTC))
    book.use(JANUARY, "250")
    book.close(JANUARY)
    (usage,) = book.invoices()
    book.run("UPDATE account SET clock_at = '2030-03-01Z' WHERE id = :account_id")
    with book.engine.begin() as connection:
        which = {"account_id": book.account_id, "invoice_id": usage.id, "actor": "key"}
        void_invoice(connection, **which, reason="wrong price")
        book.work()
        assert len(book.invoices()) == 1
        regenerate_invoice(connection, **which)
    book.work()
    assert [(invoice.status, invoice.total) for invoice in book.invoices()] == [
        ("VOID", 250),
        ("FINALIZED", 250),
        ("FINALIZED", 750),
    ]
    assert book.differences() == []


def test_an_edit_waits_for_the_month_that_closes(book: ChangeBook) -> None:
    """What reads balances and what changes them come one after the other: an archived commit pays nothing more."""
    commit_id = book.request("CREDIT", 100)
    book.use(JANUARY, "30")
    book.run("UPDATE account SET clock_at = '2030-02-02Z' WHERE id = :account_id")

    def archive(connection: Any) -> None:
        archive_commit(connection, account_id=book.account_id, commit_id=commit_id, actor="key")

    second_of(book, archive, book.work).result()
    assert [invoice.total for invoice in book.invoices()] == [30]
    assert book.balance(commit_id) == 0
    assert book.rows("SELECT FROM usage_month WHERE account_id = :account_id") == []
    assert book.differences() == []


@pytest.mark.parametrize("is_usage", [False, True])
def test_a_mark_and_a_void_at_once(book: ChangeBook, *, is_usage: bool) -> None:
    """Whichever comes first holds: what was just paid is not voided, and what was just voided carries no mark."""
    for amount in (1, 2):
        book.request(amount=amount, invoice_schedule=INSTALMENT)
        book.use(JANUARY, str(amount), contract_id=FIRST if amount == 1 else SECOND)
    book.work()
    book.close(JANUARY)
    one, other = [each.id for each in book.invoices() if (each.type == "USAGE") == is_usage]
    which = {"account_id": book.account_id, "actor": "key"}

    def mark(connection: Any, key: Any) -> bool:
        return mark_invoice(connection, invoice_id=key, mark="paid", is_set=True, **which)

    def mark_later() -> None:
        with book.engine.begin() as connection:
            mark(connection, other)

    late_void = second_of(book, lambda connection: mark(connection, one), lambda: book.void(one))
    with pytest.raises(VoidRefused, match="is marked paid"):
        late_void.result()
    late_mark = second_of(
        book, lambda connection: void_invoice(connection, invoice_id=other, reason="wrong price", **which), mark_later
    )
    with pytest.raises(VoidRefused, match="is void: it carries no mark"):
        late_mark.result()
    assert book.differences() == []


def test_an_undo_waits_for_the_mark_that_is_set(book: ChangeBook) -> None:
    """And leaves the invoice as it is."""
    batch_id = batched(book, book.request(invoice_schedule=INSTALMENT))
    book.work()
    (invoice,) = book.invoices()

    def mark(connection: Any) -> None:
        mark_invoice(
            connection, account_id=book.account_id, invoice_id=invoice.id, mark="paid", is_set=True, actor="key"
        )

    late = second_of(book, mark, lambda: undo(book, batch_id, void_invoices=True))
    assert (late.result().left, book.invoices()[0].status) == ({"marked": 1}, "FINALIZED")
