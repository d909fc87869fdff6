"""The tables end_dates.txt and manual_entries.txt: what expires when access is over, what is booked by hand then."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import START
from tests.tables.ahead_cells import parts
from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text
from trueup_worker.commit_changes.refusal import ChangeRefused
from trueup_worker.invoicing.adjust import AdjustmentRefused, adjust_commit

QUARTERS = [
    {"amount": 100, "starting_at": f"2030-{first}-01T00:00:00Z", "ending_before": f"{end}-01T00:00:00Z"}
    for first, end in (("01", "2030-04"), ("04", "2030-07"), ("07", "2030-10"), ("10", "2031-01"))
]


def instant(cell: str) -> datetime:
    """The time in a cell."""
    return datetime.fromisoformat(cell).replace(tzinfo=UTC)


def expired(book: ChangeBook, commit_id: UUID) -> list[tuple[Decimal, datetime]]:
    """What was booked as expired, and when it is effective, in that order."""
    rows = book.rows("SELECT * FROM ledger_entry WHERE commit_id = :id AND type ~ 'EXPIRATION'", id=commit_id)
    return sorted((-row.amount, row.effective_at) for row in rows)


def end(book: ChangeBook, commit_id: UUID, cell: str) -> None:
    """Ends access as a cell says: "2030-05-01T12:00", or that and "refused"."""
    at, *refused = cell.split()
    if refused:
        with pytest.raises(ChangeRefused):
            book.end(commit_id, access_ending_before=f"{instant(at):%Y-%m-%dT%H:%M:%SZ}")
    else:
        book.end(commit_id, access_ending_before=f"{instant(at):%Y-%m-%dT%H:%M:%SZ}")


@pytest.mark.parametrize("case", read_table("end_dates.txt"), ids=lambda case: case["case"])
def test_what_an_end_date_cuts_off_expires_at_that_date(common_database: Engine, case: Row) -> None:
    """Each row of end_dates.txt: what expires of each quarter, and when that is effective."""
    book = ChangeBook(common_database)
    commit_id = book.request("CREDIT", access_schedule={"schedule_items": QUARTERS})
    for cell in parts(case["ended at, one after the other"]):
        end(book, commit_id, cell)
    if case["usage"]:
        quantity, _, at = case["usage"].split()
        book.use(instant(at), quantity)
    book.go_to(instant(case["clock"]))
    told = [cell.split(" on ") for cell in parts(case["expired"])]
    assert expired(book, commit_id) == sorted((Decimal(amount), instant(at)) for amount, at in told)
    assert book.differences() == []


def hold(book: ChangeBook, commit_id: UUID) -> None:
    """Voids the usage invoice that drew on it."""
    (usage,) = (invoice for invoice in book.invoices() if invoice.type == "USAGE")
    book.void(usage.id)
    book.work()
    assert book.state(commit_id) == "held"


def void_true_up(book: ChangeBook, _: UUID) -> None:
    """Voids the invoice of the true-up."""
    (true_up,) = (invoice for invoice in book.invoices() if invoice.type == "SCHEDULED")
    book.void(true_up.id)


def park(book: ChangeBook, commit_id: UUID) -> None:
    """Parks the true-up."""
    book.run("UPDATE obligation SET state = 'parked', reason = 'it failed' WHERE commit_id = :id", id=commit_id)


BEFORE: dict[str, Callable[[ChangeBook, UUID], None]] = {
    "true-up held": hold,
    "true-up void": void_true_up,
    "true-up parked": park,
}


def advance(book: ChangeBook, clock: datetime, *, works: bool) -> None:
    """Moves the clock, with or without what is due by it."""
    if works:
        book.go_to(clock)
    else:
        book.run("UPDATE account SET clock_at = :at WHERE id = :account_id", at=clock)


def adjust(book: ChangeBook, commit_id: UUID, amount: str) -> str:
    """Tries to book an entry."""
    try:
        with book.engine.begin() as connection:
            adjust_commit(
                connection,
                account_id=book.account_id,
                commit_id=commit_id,
                amount=Decimal(amount),
                reason="agreed",
                actor="key",
            )
    except AdjustmentRefused:
        return "refused"
    return "booked"


@pytest.mark.parametrize("case", read_table("manual_entries.txt"), ids=lambda case: case["case"])
def test_what_would_expire_at_once_is_not_booked(common_database: Engine, case: Row) -> None:
    """Each row of manual_entries.txt: whether the entry is booked, and what has expired by then."""
    book = ChangeBook(common_database)
    commit_id = book.commit(case["type"], "100", ends=instant(case["ends"]))
    what, _, when = case["before"].partition(" ")
    if what == "ended":
        end(book, commit_id, when)
    if case["usage"]:
        book.use(START, case["usage"])
    advance(book, instant(case["clock"]), works=case["before"] != "not booked")
    if case["before"] in BEFORE:
        BEFORE[case["before"]](book, commit_id)
    assert adjust(book, commit_id, case["amount"]) == case["becomes"]
    found = [plain_text(amount) for amount, _ in expired(book, commit_id)] if case["type"] != "POSTPAID" else []
    assert found == ([case["expired"]] if case["expired"] else [])
