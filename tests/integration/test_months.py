"""Months of the books: closed one after the other, once nothing that began in them still runs, for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.conftest import by_hand
from tests.integration.books import close_month, journal, journal_bytes, sums
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import START, STORAGE, UsageBook
from trueup.domain.journal.accounts import CodesRefused
from trueup.store.journal.months import is_alone
from trueup.store.postgres.engine import snapshot
from trueup_worker.exports.export import Span
from trueup_worker.exports.journal import JOURNAL
from trueup_worker.journal import close
from trueup_worker.journal.close import MonthRefused
from trueup_worker.journal.codes import change_codes

FEBRUARY = datetime(2030, 2, 1, tzinfo=UTC)
CREDITS = UUID("e0000000-0000-4000-8000-0000000000c0")


@pytest.fixture
def book(database: Engine) -> ChangeBook:
    """January with an instalment and usage, on the second of February."""
    made = ChangeBook(database)
    made.request(invoice_schedule={"schedule_items": [{"timestamp": "2030-01-05T00:00:00Z", "amount": 800}]})
    made.use(START, "250")
    made.go_to(FEBRUARY + timedelta(days=1, hours=1))
    return made


def test_a_closed_month_keeps_its_bytes(book: ChangeBook) -> None:
    """Whatever is booked later, and whatever codes hold then; the audit says who closed it."""
    before = journal_bytes(book, "2030-01")
    closed = close_month(book, "2030-01")
    assert (closed.entries, dict(closed.totals), list(closed.left_out)) == (2, {"USD": "10"}, [])
    with book.engine.begin() as connection:
        change_codes(connection, book.account_id, {"revenue": "4711"}, actor="key")
    book.void(book.invoices()[0].id)
    assert journal_bytes(book, "2030-01") == before
    assert {line["date"] for line in journal(book, "2030-02")} == {"2030-02-02"}
    assert ("close_month", "2030-01") in book.audits()
    assert book.differences() == []


def test_months_are_closed_in_their_order(book: ChangeBook) -> None:
    """Once each; not before they are over, and not before an earlier one that has entries."""
    book.go_to(datetime(2030, 4, 1, tzinfo=UTC))
    with pytest.raises(MonthRefused, match="2030-01 has entries"):
        close_month(book, "2030-02")
    close_month(book, "2030-01")
    for month, why in (("2030-01", "closed already"), ("2030-03", "2030-02 comes first")):
        with pytest.raises(MonthRefused, match=why):
            close_month(book, month)
    close_month(book, "2030-02")
    close_month(book, "2030-03")
    with pytest.raises(MonthRefused, match="not over"):
        close_month(book, "2030-04")


def test_open_usage_puts_it_off(book: ChangeBook) -> None:
    """Unless the operator says that it may be dated later: then it has the date of its booking."""
    book.use(FEBRUARY, "100")
    book.go_to(datetime(2030, 3, 1, 5, tzinfo=UTC))
    close_month(book, "2030-01")
    with pytest.raises(MonthRefused, match="usage of 2030-02 is not closed"):
        close_month(book, "2030-02")
    close_month(book, "2030-02", open_usage=True)
    book.go_to(datetime(2030, 3, 3, tzinfo=UTC))
    assert [line["date"] for line in journal(book, "2030-03")] == ["2030-03-03"] * 2


def test_what_began_in_a_month_is_waited_for(book: ChangeBook) -> None:
    """A transaction that began before the month was over, on the account's clock, keeps it open until it ends."""
    with book.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        book.go_to(datetime(2030, 3, 3, tzinfo=UTC))
        close_month(book, "2030-01")
        with pytest.raises(MonthRefused, match="still runs"):
            close_month(book, "2030-02")
        connection.rollback()
    close_month(book, "2030-02")


def test_what_no_closed_month_knows_is_in_the_next_open_one(database: Engine) -> None:
    """Usage of January that is invoiced when February is closed, too, has the date of its booking in March."""
    book = UsageBook(database)
    book.close(START)
    book.go_to(datetime(2030, 3, 10, tzinfo=UTC))
    for month in ("2030-01", "2030-02"):
        assert close_month(book, month).entries == 0
    book.use(START, "50")
    book.work()
    assert {line["date"] for line in journal(book)} == {"2030-03-10"}


def test_units_that_are_no_money_are_left_out_and_listed(database: Engine) -> None:
    """Usage priced in credits has no place in the books of a currency."""
    book = UsageBook(database)
    book.run("INSERT INTO unit (account_id, id, name) VALUES (:account_id, :id, 'credits')", id=CREDITS)
    book.use(START, "7", unit_id=CREDITS)
    book.use(START, "8", product_id=STORAGE)
    book.close(START)
    assert sums(journal(book)) == {
        "receivable": sums(journal(book))["receivable"],
        "revenue": -sums(journal(book))["receivable"],
    }
    assert list(close_month(book, "2030-01").left_out) == ["credits"]
    with snapshot(book.engine) as connection:
        assert JOURNAL.left_out(connection, book.account_id, Span()) == ["units that are no money: credits"]


def test_two_who_close_at_once(book: ChangeBook) -> None:
    """One does, the other is told; the month is there once."""

    def close(_: int) -> str:
        try:
            return str(close_month(book, "2030-01").entries)
        except MonthRefused as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(close, range(8)))
    assert found[0] == "2"
    assert {each.partition(":")[0] for each in found[1:]} <= {
        "another month is being closed",
        "2030-01 is closed already",
    }
    assert book.differences() == []


def test_what_ends_while_the_month_is_written_is_waited_for(book: ChangeBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What began in the month, and commits once the snapshot is taken, is in no journal: the month stays open."""
    close_month(book, "2030-01")
    with book.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        book.go_to(datetime(2030, 3, 3, tzinfo=UTC))

        def end_beside(closing: Connection, account_id: int) -> bool:
            found = is_alone(closing, account_id)
            connection.commit()
            return found

        monkeypatch.setattr(close, "is_alone", end_beside)
        with pytest.raises(MonthRefused, match="still runs"):
            close_month(book, "2030-02")


def test_another_fault_is_not_taken_for_another_who_closes(book: ChangeBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database refuses for a reason of its own is told as that."""
    refused = text("INSERT INTO closed_month (account_id) VALUES (NULL)")
    monkeypatch.setattr(close, "note_month", lambda connection, *_: connection.execute(refused))
    with pytest.raises(IntegrityError):
        close_month(book, "2030-01")


def test_what_is_archived_at_a_month_s_first_instant_is_of_that_month(database: Engine) -> None:
    """Its expiry, as its catch-up; what ends at that instant is of the month before."""
    book = ChangeBook(database)
    items = [{"timestamp": f"2030-0{month}-05T00:00:00Z", "amount": 400} for month in (1, 6)]
    ending = book.request(amount=1000, ends="2030-02-01", invoice_schedule={"schedule_items": items[:1]})
    book.go_to(FEBRUARY)
    archived = book.request(amount=1000, invoice_schedule={"schedule_items": items})
    book.archive(archived)
    book.go_to(FEBRUARY + timedelta(days=2))
    lines = [line for line in journal(book) if line["event"] in ("expired", "catch-up of changed schedules")]
    told = {(UUID(line["commit_id"]), line["event"], line["date"]) for line in lines}
    assert told == {
        (ending, "expired", "2030-01-31"),
        (archived, "expired", "2030-02-01"),
        (archived, "catch-up of changed schedules", "2030-02-01"),
    }


def test_codes_are_versions(book: ChangeBook) -> None:
    """The same ones make none; a name or code that there is not is refused."""
    with book.engine.begin() as connection:
        first = change_codes(connection, book.account_id, {"revenue": "4711"}, actor="key")
        assert change_codes(connection, book.account_id, {"revenue": "4711"}, actor="key") == first
        for given in ({"sales": "1"}, {"revenue": ""}, {"revenue": "=1+1"}):
            with pytest.raises(CodesRefused):
                change_codes(connection, book.account_id, given, actor="key")
    assert first.version == 1
    assert {line["code"] for line in journal(book) if line["account"] == "revenue"} == {"4711"}


def test_reconcile_tells_what_does_not_agree(book: ChangeBook) -> None:
    """A line that somebody changed in a closed month: its entry does not balance, and its account is wrong."""
    close_month(book, "2030-01")
    changed = "UPDATE journal_line SET debit = debit + 1 WHERE account_id = :account_id AND account = 'receivable'"
    with by_hand(book.engine) as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # as a superuser without scruples
        connection.execute(text(changed), {"account_id": book.account_id})
    found = {(each.check, each.subject.partition("-")[0]) for each in book.differences()}
    assert found == {("journal_entry", "issued"), ("journal", "receivable in USD")}


@pytest.mark.parametrize(
    "table", ["journal_line", "closed_month", "revaluation", "account_codes", "seller_profile", "billing_details"]
)
def test_the_books_are_append_only(book: ChangeBook, table: str) -> None:
    """As the ledger is: the database itself refuses changes, whoever makes them."""
    close_month(book, "2030-01")
    for statement in (f"UPDATE {table} SET account_id = account_id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(DBAPIError, match="append-only"), by_hand(book.engine) as connection:
            connection.execute(text(statement))


def test_a_change_that_is_not_noted_is_told(book: ChangeBook) -> None:
    """An instalment that changes behind the back of the books."""
    commit_id = book.rows("SELECT id FROM commit WHERE account_id = :account_id")[0].id
    book.edit(commit_id, priority=2)
    book.run("UPDATE segment SET amount = amount + 1 WHERE account_id = :account_id")
    assert "worth_of_commit" in {each.check for each in book.differences()}
