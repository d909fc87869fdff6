"""The table journal.txt: what happens, and what the books say of it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.integration.books import close_month, journal, unbalanced
from tests.integration.change_book import ChangeBook
from tests.tables.ahead_cells import parts
from tests.tables.table import Row, read_table
from trueup.domain.money import plain_text

CREDITS = UUID("e0000000-0000-4000-8000-0000000000c0")
_COMMIT = re.compile(
    r"(?P<kind>commit|credit|complimentary|postpaid) (?P<amount>[\d.]+)(?P<units> credits)?(?: to (?P<ends>\S+))?"
    r"(?: for (?P<items>.*?))?(?P<recorded> recorded)?"
)


class Deeds:
    """What happens in a case, step by step; amounts are cents, a unit of usage costs one."""

    def __init__(self, engine: Engine) -> None:
        self.book = ChangeBook(engine)
        self.book.run("INSERT INTO unit (account_id, id, name) VALUES (:account_id, :id, 'credits')", id=CREDITS)
        self.last = UUID(int=0)

    def do(self, step: str) -> None:
        """Does a step."""
        if made := _COMMIT.fullmatch(step):
            self._promise(made)
            return
        what, *rest = step.split()
        deeds: dict[str, Callable[..., Any]] = {
            "use": lambda amount, _on, day: self.book.use(_at(day), amount),
            "clock": lambda day: self.book.go_to(_at(day)),
            "void": lambda number: self.book.void(self.book.invoices()[int(number) - 1].id),
            "anew": lambda number: self.book.regenerate(self.book.invoices()[int(number) - 1].id),
            "close": lambda month: close_month(self.book, month),
            "adjust": lambda amount: self.book.adjust(self.last, amount),
            "grant": self._grant,
            "bill": self._bill,
            "both": self._both,
            "uninvoice": lambda _from, day: self.book.end(self.last, invoices_ending_before=_at(day).isoformat()),
        }
        deeds[what](*rest)

    def _promise(self, made: re.Match[str]) -> None:
        body: dict[str, Any] = {}
        items = [item.split(" on ") for item in (made["items"] or "").split(" and ") if item]
        if items:
            schedule = [{"timestamp": _at(day).isoformat(), "amount": float(amount)} for amount, day in items]
            body["invoice_schedule"] = {"schedule_items": schedule}
        if made["kind"] == "postpaid":
            item = {"timestamp": f"{made['ends']}T00:00:00Z", "amount": float(made["amount"])}
            body["invoice_schedule"] = {"schedule_items": [item]}
        if made["units"]:
            body["access_schedule"] = {
                "credit_type_id": str(CREDITS),
                "schedule_items": [
                    {
                        "amount": float(made["amount"]),
                        "starting_at": "2030-01-01T00:00:00Z",
                        "ending_before": f"{made['ends']}T00:00:00Z",
                    }
                ],
            }
        kind = {"postpaid": "POSTPAID", "credit": "CREDIT"}.get(made["kind"], "PREPAID")
        if made["recorded"]:
            body["invoice_schedule"]["do_not_invoice"] = True
        self.last = self.book.request(kind, float(made["amount"]), made["ends"] or "2031-01-01", **body)  # type: ignore[arg-type]

    def _grant(self, amount: str) -> None:
        item = {"id": str(self.book.segments(self.last)[0].id), "amount": float(amount)}
        self.book.edit(self.last, access_schedule={"update_schedule_items": [item]})

    def _both(self, amount: str, _on: str, day: str) -> None:
        segment = self.book.segments(self.last)[0]
        item = {"id": str(segment.id), "amount": float(segment.amount) + float(amount)}
        charge = {"timestamp": _at(day).isoformat(), "amount": float(amount)}
        schedules = {"access_schedule": {"update_schedule_items": [item]}}
        self.book.edit(self.last, invoice_schedule={"add_schedule_items": [charge]}, **schedules)

    def _bill(self, amount: str, _on: str, day: str) -> None:
        item = {"timestamp": _at(day).isoformat(), "amount": float(amount)}
        self.book.edit(self.last, invoice_schedule={"add_schedule_items": [item]})


def _at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def cases() -> Iterator[tuple[str, str, list[Row]]]:
    """Name, deeds and expected lines of each case: lines without a name belong to the case above."""
    rows = read_table("journal.txt")
    starts = [number for number, row in enumerate(rows) if row["case"]]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        deeds = " ".join(row["what happens"] for row in rows[start:end])
        yield rows[start]["case"], deeds, [row for row in rows[start:end] if row["account"]]


def told(lines: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Lines as the table has them: an event is told with the first line of its entry."""
    found, before = [], None
    for line in lines:
        first = line["entry"] != before
        before = line["entry"]
        date, event = (line["date"], line["event"]) if first else ("", "")
        figures = (plain_text(line[side]) if line[side] else "" for side in ("debit", "credit"))
        found.append((date, event, line["account"], *figures))
    return found


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case[0])
def test_what_happens_is_booked(common_database: Engine, case: tuple[str, str, list[Row]]) -> None:
    """Each case of journal.txt: its entries, in dollars, with their dates; everything agrees."""
    _, what, expected = case
    deeds = Deeds(common_database)
    for step in parts(what):
        deeds.do(step)
    lines = sorted(journal(deeds.book), key=lambda line: line["date"])
    columns = ("date", "event", "account", "debit", "credit")
    assert told(lines) == [tuple(row[name] for name in columns) for row in expected]
    assert unbalanced(lines) == set()
    assert deeds.book.differences() == []
