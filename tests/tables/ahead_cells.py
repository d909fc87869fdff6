"""What stands in the cells of the tables that look ahead: commits, usage and adjustments in a few words."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from tests.integration.instalments import instalment
from tests.integration.usage_book import FIRST, SILENT, UsageBook
from trueup_worker.invoicing.adjust import adjust_commit

_COMMIT = re.compile(
    r"(?P<kind>\w+) (?P<amount>[\d.]+)(?: from (?P<starts>\S+))? to (?P<ends>\S+)(?: at (?P<at>\S+))?"
    r"(?: billed (?P<items>.*?))?(?P<suppressed> suppressed)?"
)


def day(cell: str) -> datetime:
    """The start of a day."""
    return datetime.fromisoformat(cell).replace(tzinfo=UTC)


def parts(cell: str) -> list[str]:
    """The parts of a cell, which semicolons set apart."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def make_commits(book: UsageBook, cell: str) -> list[UUID]:
    """Makes the commits of a cell: "prepaid 300 to 2030-07-01 billed 100 on 2030-03-01 and 200 on 2030-04-01"."""
    return [_make_commit(book, part) for part in parts(cell)]


def _make_commit(book: UsageBook, told: str) -> UUID:
    found = _COMMIT.fullmatch(told)
    assert found, told
    ends, at = day(found["ends"]), found["at"]
    starts = day(found["starts"]) if found["starts"] else ends.replace(year=ends.year - 1)
    items = [item.split(" on ") for item in (found["items"] or "").split(" and ") if item]
    key = book.commit(
        found["kind"].upper(),
        found["amount"],
        starts=starts,
        ends=ends,
        at=day(at) if at else None,
        paid=found["kind"] == "postpaid" or bool(items),
    )
    for amount, when in items:
        instalment(book, key, day(when), amount)
    if found["suppressed"]:
        book.run("UPDATE obligation SET suppressed_by = 'true_up_disabled' WHERE commit_id = :key", key=key)
    return key


def make_usage(book: UsageBook, cell: str) -> None:
    """Takes the usage of a cell in: "500 on 2030-02-03 silently", of contracts with and without invoices."""
    for part in parts(cell):
        quantity, _, when, *silently = part.split()
        book.use(day(when), quantity, contract_id=SILENT if silently else FIRST)


def adjust(book: UsageBook, commit_id: UUID, amount: str) -> None:
    """An operator books this amount."""
    with book.engine.begin() as connection:
        adjust_commit(
            connection,
            account_id=book.account_id,
            commit_id=commit_id,
            amount=Decimal(amount),
            reason="agreed",
            actor="key",
        )
