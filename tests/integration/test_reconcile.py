"""Reconciling names every kind of difference, and nothing else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol, get_args

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.book import LAST_YEAR, Book
from trueup.clock import utc_now
from trueup.store.accounts.accounts import create_account
from trueup.store.accounts.next_looks import accounts_to_look_at
from trueup.store.reconciliation import Difference, slices
from trueup.store.reconciliation.check import By
from trueup_worker.events.relay import relay
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.reporting.reconcile import reconcile


class HasEngine(Protocol):
    """Any book."""

    engine: Engine


RECURRING = {
    "starting_at": "2025-01-31T00:00:00Z",
    "ending_before": "2025-04-01T00:00:00Z",
    "frequency": "MONTHLY",
    "amount_distribution": "DIVIDED",
    "unit_price": "10",
    "quantity": "1",
}
MONTH_ENDS = [datetime(2025, month, day, tzinfo=UTC) for month, day in ((1, 31), (2, 28), (3, 31))]
INJECTED = {
    "commit_without_customer": "UPDATE commit SET customer_id = gen_random_uuid() WHERE type = 'POSTPAID'",
    "commit_without_product": "UPDATE commit SET product_id = gen_random_uuid() WHERE type = 'POSTPAID'",
    "segment_without_commit": "UPDATE segment SET commit_id = gen_random_uuid() WHERE amount = 5",
    "obligation_without_commit": "UPDATE obligation SET commit_id = gen_random_uuid() WHERE kind = 'TRUE_UP'",
    "ledger_entry_without_commit": "UPDATE ledger_entry SET commit_id = gen_random_uuid() WHERE type ~ '^CREDIT'",
    "ledger_entry_without_invoice": "UPDATE ledger_entry SET invoice_id = gen_random_uuid() WHERE type ~ '^CREDIT'",
    "invoice_line_without_invoice": "UPDATE invoice_line SET invoice_id = gen_random_uuid() WHERE arithmetic IS NULL",
    "segments_of_commit": "UPDATE segment SET position = 1 WHERE amount = 5",
    "opening_of_segment": "UPDATE segment SET amount = 6 WHERE amount = 5",
    "segment_of_entry": "UPDATE ledger_entry SET type = 'CREDIT_MANUAL' WHERE type = 'POSTPAID_COMMIT_TRUEUP'",
    "obligations_of_commit": "DELETE FROM obligation WHERE kind = 'TRUE_UP'",
    "recurring_schedule": "DELETE FROM obligation WHERE scheduled_at = '2025-03-31Z'",
    "invoice_of_obligation": "UPDATE obligation SET state = 'nothing_due' WHERE scheduled_at = '2025-03-31Z'",
    "lines_of_invoice": "UPDATE invoice_line SET amount = amount + 1 WHERE position = 0",
    "amount_of_item": "UPDATE obligation SET amount = amount + 1 WHERE scheduled_at = '2025-03-31Z'",
    "entry_of_true_up": "DELETE FROM ledger_entry WHERE type = 'POSTPAID_COMMIT_TRUEUP'",
    "charged_once": "UPDATE ledger_entry SET amount = amount + 1 WHERE type = 'POSTPAID_COMMIT_TRUEUP'",
    "arithmetic_of_true_up": 'UPDATE invoice_line SET arithmetic = arithmetic || \'{"drawn": "1"}\' WHERE position = 0',
    "invoice_numbers": "UPDATE account SET next_invoice_number = 9 WHERE next_invoice_number > 1",
    "batch_undecided": "UPDATE batch SET rows = 2",
    "batch_outcomes": "UPDATE batch SET rows = 0",
    "kept_undecided": "INSERT INTO intake (account_id, digest, meta, requests, queue, size, lease_s, due_at,"
    " accepted_at)"
    " SELECT account_id, '', '', '', 'commits', 2, 60, now(), now() - interval '1 hour' FROM batch",
    "parked_without_outcome": "INSERT INTO parked (account_id, reason, request_id, task, meta, requests, digest)"
    " SELECT account_id, 'transient', gen_random_uuid(), 'commits.create', '', '', '' FROM batch",
    "parked_total": "INSERT INTO parked_total (account_id, bytes, unkept) SELECT account_id, 1, 0 FROM batch",
    "event_without_place": "UPDATE outbox SET first_position = NULL, last_position = NULL,"
    " created_at = now() - interval '1 hour' WHERE last_position = (SELECT max(last_position) FROM outbox)",
    "places_of_feed": "UPDATE feed SET last_position = last_position + 1",
    "webhook_overdue": "WITH endpoint AS (INSERT INTO webhook_endpoint (account_id, id, url, types, secret, state,"
    " position) SELECT account_id, gen_random_uuid(), '', '{}', '', 'enabled', 0 FROM batch RETURNING account_id, id)"
    " INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts, happened_at,"
    " state, next_attempt_at) SELECT account_id, id, id, 1, '', id, '{}', now(), 'waiting', now() - interval '1 hour'"
    " FROM endpoint",
    "obligation_parked": "UPDATE obligation SET state = 'parked' WHERE kind = 'TRUE_UP'",
    "look_at_account": "DELETE FROM changed_account WHERE account_id IN (SELECT account_id FROM batch)",
    "overdue": "UPDATE obligation SET due_at = now() - interval '1 hour' WHERE state = 'pending'",
}


@pytest.fixture
def sound(book: Book) -> Book:
    """A book with something of everything, in which all agrees."""
    shares = ["3.333333333333", "3.333333333333", "3.333333333334"]
    book.prepaid(*zip(MONTH_ENDS, shares, strict=True), recurring_schedule=RECURRING)
    book.postpaid("10")
    book.credit("5")
    book.prepaid((utc_now() + timedelta(days=1), "1"))
    issue_all_due(book.engine, book.account_id)
    relay(book.engine)
    book.run("UPDATE commit SET booked_at = now() - interval '1 day'")
    book.run(
        "INSERT INTO batch (account_id, id, source, content_sha256, kind, rows) "
        "VALUES (:account_id, gen_random_uuid(), 'f.jsonl', '', 'commit', 1)"
    )
    book.run(
        "INSERT INTO outcome (account_id, request_id, outcome, batch_id) "
        "SELECT account_id, gen_random_uuid(), 'invalid', id FROM batch"
    )
    return book


def differences(book: HasEngine, account_id: int | None = None) -> list[Difference]:
    """What reconciling finds."""
    with book.engine.begin() as connection:
        return reconcile(connection, account_id)


def checks_that_find(book: HasEngine, statement: str, account_id: int) -> set[str]:
    """The checks that find something after a change that no code of ours can make: triggers are off."""
    with by_hand(book.engine) as connection, connection.begin_nested() as undone:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        assert connection.execute(text(statement)).rowcount > 0
        found = {difference.check for difference in reconcile(connection, account_id)}
        undone.rollback()
    return found


def test_where_all_agrees_nothing_is_found(sound: Book) -> None:
    """An untouched book has no difference, for all accounts or one."""
    assert differences(sound) == []
    assert differences(sound, sound.account_id) == []


def test_each_difference_is_named(sound: Book) -> None:
    """What was injected is found by its check in the account that has it, and in no other."""
    with sound.engine.begin() as connection:
        other = create_account(connection, "other", now=utc_now()).id
    for name, statement in INJECTED.items():
        assert name in checks_that_find(sound, statement, sound.account_id)
        assert checks_that_find(sound, statement, other) == set()


@pytest.mark.parametrize(("due_h", "look_h", "late"), [(2, 0, 0), (2, 1, 0), (2, 3, 1), (12, 5, 0), (12, 9, 1)])
def test_a_look_that_comes_too_late_is_a_difference(book: Book, due_h: int, look_h: int, late: int) -> None:
    """After what falls due, before it does; and after the six hours in which each account is looked at."""
    book.prepaid((utc_now() + timedelta(hours=due_h), "1"))
    with book.engine.begin() as connection:
        accounts_to_look_at(connection, "work")
    book.run("UPDATE next_look SET work_at = now() + make_interval(hours => :hours)", hours=look_h)
    assert [each.check for each in differences(book)] == ["look_at_account"] * late


def test_a_sandbox_is_not_overdue_because_its_clock_leapt(database: Engine) -> None:
    """What a leap of the clock made due is late by the real time since the leap, not by the sandbox's."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    with database.begin() as connection:
        sandbox = create_account(connection, "sandbox", sandbox=True, now=start).id
    book = Book(database, sandbox)
    book.prepaid((start - timedelta(days=500), "1"))
    assert differences(book) == []
    book.run("UPDATE commit SET booked_at = now() - interval '1 day'")
    book.run("UPDATE account SET created_at = now() - interval '1 day'")
    assert [difference.check for difference in differences(book)] == ["overdue"]


def test_manual_entries_are_no_difference(sound: Book) -> None:
    """What operators book agrees with everything as long as the true-up is open."""
    later = utc_now() + timedelta(days=3)
    commit_id = sound.postpaid("8", at=later, ends=later)
    sound.entry(commit_id, "POSTPAID_COMMIT_MANUAL", Decimal(-9))
    assert differences(sound) == []


def test_an_adjustment_of_a_closed_balance_is_found(sound: Book) -> None:
    """Whatever is booked after a true-up leaves a balance that should not be there."""
    commit_id = sound.postpaid("8", at=LAST_YEAR)
    issue_all_due(sound.engine, sound.account_id)
    sound.entry(commit_id, "POSTPAID_COMMIT_MANUAL", Decimal(1))
    assert [(each.check, each.subject) for each in differences(sound)] == [("charged_once", str(commit_id))]


def test_slices_leave_nothing_out(sound: Book) -> None:
    """Each row lies in one slice, also where the commit or the invoice that it names is not there."""
    told: list[tuple[int, int]] = []
    with sound.engine.begin() as connection:
        for by in get_args(By):
            found = list(slices.stretches(connection, sound.account_id, by, rows=1))
            assert (found[0].first.int, found[-1].last.int) == (0, (1 << 128) - 1)
            assert all(one.last.int + 1 == next_.first.int for one, next_ in pairwise(found))
        assert len(found) > 1
        assert reconcile(connection, sound.account_id, told=lambda *each: told.append(each)) == []
    assert told[-1][0] == told[-1][1]


def test_of_an_hour_only_what_was_booked_in_it_is_looked_at(sound: Book) -> None:
    """A difference of a commit that nothing was booked on since is not looked for."""
    for column in ("ledger_entry.booked_at", "invoice.booked_at", "obligation.settled_at", "commit.booked_at"):
        table, _, time = column.partition(".")
        earlier = f"UPDATE {table} SET {time} = {time} - interval '2 days'"
        sound.run(f"SET LOCAL session_replication_role = replica; {earlier}")
    sound.run("UPDATE segment SET amount = amount + 1")
    with sound.engine.begin() as connection:
        for hours, found in ((1, set()), (100, {"opening_of_segment"})):
            since = utc_now() - timedelta(hours=hours)
            named = {each.check for each in reconcile(connection, sound.account_id, since=since)}
            assert named & {"opening_of_segment"} == found
