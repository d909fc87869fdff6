"""Reconciling finds a commitment that is charged twice, or not at all, however it was written into the database."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import FIRST, SECOND, SILENT, START, STORAGE, TRAFFIC
from trueup.store.reconciliation import Difference
from trueup_worker.reporting.reconcile import reconcile

FEBRUARY, APRIL = (datetime(2030, month, 1, tzinfo=UTC) for month in (2, 4))
NO_TRIGGERS = "SET LOCAL session_replication_role = replica"
CHARGED_ONCE, NOT_BESIDE_USAGE = "charged_once", "true_up_beside_usage"
LEDGER = "account_id, commit_id, segment_id, type, amount, effective_at"


def commit(name: str) -> str:
    """The id of a commit, in SQL."""
    return f"(SELECT id FROM commit WHERE name = '{name}')"


def booked(name: str, kind: str, amount: int) -> str:
    """An entry without anything that belongs to it."""
    return (
        f"INSERT INTO ledger_entry ({LEDGER}) SELECT account_id, commit_id, id, 'POSTPAID_COMMIT_{kind}', {amount},"
        f" ending_before FROM segment WHERE commit_id = {commit(name)}"
    )


def entry(name: str, kind: str) -> str:
    """The condition that an entry is of this commit and type."""
    return f"commit_id = {commit(name)} AND type = 'POSTPAID_COMMIT_{kind}'"


def trued_up(amount: int) -> str:
    """Another amount of the true-up that was issued, in everything that tells it."""
    return (
        f"UPDATE ledger_entry SET amount = -{amount} WHERE {entry('issued', 'TRUEUP')};"
        f" UPDATE invoice SET total = {amount} WHERE commit_id = {commit('issued')};"
        f" UPDATE invoice_line SET amount = {amount}, unit_price = {amount}"
        f" WHERE commit_id = {commit('issued')} AND kind = 'charge'"
    )


def covering(*contracts: UUID, priority: int) -> str:
    """Another scope and place of the commit whose true-up was issued."""
    named = ", ".join(f"'{each}'" for each in contracts)
    return (
        f"UPDATE commit SET priority = {priority}, applicable_contract_ids = CAST(ARRAY[{named}] AS uuid[])"
        " WHERE name = 'issued'"
    )


def voided(contract_id: UUID) -> str:
    """A contract's usage is void, and nothing was taken back."""
    return (
        f"UPDATE invoice SET status = 'VOID', voided_at = now() WHERE type = 'USAGE' AND contract_id = '{contract_id}';"
        f" UPDATE usage_period SET voided_at = now() WHERE contract_id = '{contract_id}'"
    )


# What was written, the commit that it concerns, the sentence that it breaks.
PLANTED = {
    "trued up by more than is missing": (trued_up(80), "issued", CHARGED_ONCE),
    "trued up by less than is missing": (trued_up(60), "issued", CHARGED_ONCE),
    "trued up, and expired as well": (
        f"{booked('issued', 'EXPIRATION', -5)}; {booked('issued', 'MANUAL', 5)}",
        "issued",
        CHARGED_ONCE,
    ),
    "an invoice over another amount than its entry": (
        f"UPDATE invoice SET total = 71 WHERE commit_id = {commit('issued')}",
        "issued",
        CHARGED_ONCE,
    ),
    "given more after it was trued up": (booked("issued", "MANUAL", 10), "issued", CHARGED_ONCE),
    "nothing due, though something is missing": (
        f"UPDATE obligation SET state = 'nothing_due' WHERE commit_id = {commit('pending')}",
        "pending",
        CHARGED_ONCE,
    ),
    "given more after nothing was due": (booked("nothing_due", "MANUAL", 10), "nothing_due", CHARGED_ONCE),
    "pending, and expired": (booked("pending", "EXPIRATION", -80), "pending", CHARGED_ONCE),
    "pending, and trued up": (booked("pending", "TRUEUP", -80), "pending", CHARGED_ONCE),
    "held, and trued up": (booked("held", "TRUEUP", -80), "held", CHARGED_ONCE),
    "held, and expired": (booked("held", "EXPIRATION", -80), "held", CHARGED_ONCE),
    "void, and not taken back": (
        f"DELETE FROM ledger_entry WHERE {entry('voided', 'TRUEUP')} AND amount > 0",
        "voided",
        CHARGED_ONCE,
    ),
    "suppressed, and nothing expired": (
        f"DELETE FROM ledger_entry WHERE {entry('suppressed', 'EXPIRATION')}",
        "suppressed",
        CHARGED_ONCE,
    ),
    "suppressed, and more expired than was left": (
        f"UPDATE ledger_entry SET amount = -71 WHERE {entry('suppressed', 'EXPIRATION')}",
        "suppressed",
        CHARGED_ONCE,
    ),
    "suppressed, and trued up": (booked("suppressed", "TRUEUP", -10), "suppressed", CHARGED_ONCE),
    "drawn by more than invoices show": (
        f"UPDATE ledger_entry SET amount = -25 WHERE {entry('pending', 'AUTOMATED_INVOICE_DEDUCTION')}",
        "pending",
        CHARGED_ONCE,
    ),
    "drawn by usage that is void": (
        voided(SECOND),
        "pending",
        CHARGED_ONCE,
    ),
    "drawn by a void period without an invoice": (
        f"UPDATE usage_period SET voided_at = now() WHERE contract_id = '{SILENT}'",
        "voided",
        CHARGED_ONCE,
    ),
    "trued up beside overage that it covers": (
        "UPDATE commit SET applicable_product_ids = NULL WHERE name = 'issued'",
        "issued",
        NOT_BESIDE_USAGE,
    ),
    "trued up beside usage that a balance behind it paid": (
        covering(FIRST, SECOND, priority=0),
        "issued",
        NOT_BESIDE_USAGE,
    ),
}
NO_DIFFERENCE = {
    "beside usage that a balance before it paid": covering(FIRST, SECOND, priority=9),
    "beside overage that an operator excepted": (
        "UPDATE commit SET applicable_product_ids = NULL WHERE name = 'issued';"
        " INSERT INTO excepted_line (account_id, commit_id, invoice_id, position)"
        f" SELECT account_id, {commit('issued')}, invoice_id, position FROM invoice_line"
        " WHERE kind = 'usage' AND commit_id IS NULL"
    ),
}


@pytest.fixture(scope="module")
def book(shared_database: Engine) -> ChangeBook:
    """A commit for each state that a true-up can be in."""
    return a_commit_in_each_state(shared_database)


def a_commit_in_each_state(engine: Engine) -> ChangeBook:
    """In February 2030: commits named by the states of their true-ups, and usage of January for each of them."""
    book = ChangeBook(engine)
    scopes = {
        "issued": (FIRST, STORAGE, 30),
        "nothing_due": (FIRST, TRAFFIC, 110),
        "suppressed": (SECOND, STORAGE, 30),
        "pending": (SECOND, TRAFFIC, 20),
        "voided": (SILENT, STORAGE, 30),
        "held": (SILENT, TRAFFIC, 20),
    }
    for contract_id, product_id, quantity in scopes.values():
        book.use(START, str(quantity), contract_id=contract_id, product_id=str(product_id))
    made = {name: _promise(book, name, *scope[:2]) for name, scope in scopes.items() if name != "held"}
    book.disable(made["suppressed"])
    book.close(START)
    made["held"] = _promise(book, "held", *scopes["held"][:2])
    book.work()
    book.void(book.obligations(made["voided"])[-1].id)
    assert {name: book.state(key) for name, key in made.items()} == {name: name for name in scopes}
    return book


def _promise(book: ChangeBook, name: str, contract_id: UUID, product_id: UUID) -> UUID:
    return book.commit(
        "POSTPAID",
        "100",
        ends=APRIL if name == "pending" else FEBRUARY,
        name=name,
        applicable_contract_ids=[str(contract_id)],
        applicable_product_ids=[str(product_id)],
    )


def found_after(book: ChangeBook, statements: str) -> list[Difference]:
    """What reconciling finds after something that no code of ours can do; then that is taken back."""
    with by_hand(book.engine) as connection, connection.begin_nested() as undone:
        connection.execute(text(NO_TRIGGERS))
        for statement in statements.split(";"):
            assert connection.execute(text(statement)).rowcount > 0
        found = reconcile(connection, book.account_id)
        undone.rollback()
    return found


def test_whatever_state_a_true_up_is_in_all_agrees(book: ChangeBook) -> None:
    """Issued, void, held, suppressed, pending, or nothing due."""
    assert book.differences() == []


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_charged_twice_is_found(book: ChangeBook, name: str) -> None:
    """Each violation that was planted is named, with the commit that it concerns."""
    statements, of, check = PLANTED[name]
    (commit_id,) = book.rows("SELECT id FROM commit WHERE account_id = :account_id AND name = :name", name=of)
    assert (check, str(commit_id.id)) in {(each.check, each.subject) for each in found_after(book, statements)}


@pytest.mark.parametrize("name", NO_DIFFERENCE)
def test_what_is_charged_once_is_no_difference(book: ChangeBook, name: str) -> None:
    """Usage beside a true-up that it could not have filled, or that an operator let through."""
    assert found_after(book, NO_DIFFERENCE[name]) == []
