"""Exports: rows of one moment, as CSV and JSON lines, whole or not at all."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.change_book import ChangeBook
from tests.integration.usage_book import CUSTOMER, START, UsageBook
from trueup.store.postgres.engine import snapshot
from trueup_worker.exports.catalogue import EXPORTS, UnknownExport, export_named
from trueup_worker.exports.export import Span, SpanRefused
from trueup_worker.exports.formats import Format, chunks
from trueup_worker.exports.months import NotAMonth, month_named

ROOT = Path(__file__).parents[2]
FEBRUARY = datetime(2030, 2, 1, tzinfo=UTC)


def exported(book: UsageBook, name: str, span: Span | None = None, *, form: Format = "csv") -> bytes:
    """An export of the book, as bytes."""
    export = EXPORTS[name]
    with snapshot(book.engine) as connection:
        rows = export.rows(connection, book.account_id, span or Span())
        return b"".join(chunk.content for chunk in chunks(list(export.columns), rows, form=form))


def records(book: UsageBook, name: str, span: Span | None = None) -> list[dict[str, Any]]:
    """The rows of an export, by its JSON lines."""
    lines = exported(book, name, span, form="jsonl").splitlines()
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]


@pytest.fixture
def book(database: Engine) -> ChangeBook:
    """A month with usage, a credit that pays some of it, and a true-up to come."""
    made = ChangeBook(database)
    made.commit("POSTPAID", "1000")
    made.commit("CREDIT", "30", starts=START, ends=FEBRUARY)
    made.use(START, "100.5", groups={"region": "=eu"})
    made.close(START)
    return made


def test_every_export_has_its_columns(book: ChangeBook) -> None:
    """A row has as many values as there are columns; both formats tell the same."""
    for name, export in EXPORTS.items():
        found = list(csv.DictReader(io.StringIO(exported(book, name).decode(), newline="")))
        told = records(book, name)
        assert [list(row) for row in found] == [list(export.columns)] * len(told), name
        assert told or name == "outcomes", name
        for row, record in zip(found, told, strict=True):
            assert [bool(value) for value in row.values()] == [value is not None for value in record.values()], name


def test_figures_are_those_of_the_invoice(book: ChangeBook) -> None:
    """A total is that of its lines, and what can be paid stands beside it."""
    (invoice,), lines = records(book, "invoices"), records(book, "invoice-lines")
    assert (invoice["total"], invoice["amount_due"], invoice["rounding"]) == (Decimal("70.5"), 70, Decimal("-0.5"))
    assert sum(each["amount"] for each in lines if each["is_billed"]) == invoice["total"]
    assert (invoice["issued_at"], invoice["customer"]) == ("2030-02-01T00:00:00Z", "Acme Ltd")


def test_balances_of_commits_are_those_of_the_ledger(book: ChangeBook) -> None:
    """Granted, drawn and expired add up to what is left."""
    postpaid, credit = sorted(records(book, "commits"), key=lambda each: each["type"], reverse=True)
    assert (postpaid["granted"], postpaid["drawn"], postpaid["ledger_balance"]) == (
        1000,
        Decimal("70.5"),
        Decimal("929.5"),
    )
    assert (postpaid["usable_balance"], credit["usable_balance"]) == (Decimal("929.5"), 0)
    entries = records(book, "ledger")
    assert sum(each["amount"] for each in entries if each["commit_id"] == credit["id"]) == credit["ledger_balance"] == 0


def test_a_span_is_half_open(book: ChangeBook) -> None:
    """A month has what lies in it, and not the first instant of the next one."""
    assert records(book, "invoices", Span(*month_named("2030-01"))) == []
    assert len(records(book, "invoices", Span(*month_named("2030-02")))) == 1
    assert len(records(book, "usage", Span(until=START))) == 0
    assert len(records(book, "usage", Span(since=START))) == 1


def test_rows_are_those_of_one_moment(book: ChangeBook) -> None:
    """What is written while an export is read does not show in it."""
    for name in ("usage", "ledger"):
        export, before = EXPORTS[name], exported(book, name)
        with snapshot(book.engine) as connection:
            rows = export.rows(connection, book.account_id, Span())
            first = next(rows)
            book.use(FEBRUARY, "1")
            book.commit("CREDIT", "5")
            rest = list(rows)
        written = chunks(list(export.columns), [first, *rest], form="csv")
        assert b"".join(chunk.content for chunk in written) == before


def test_another_account_shows_in_none(book: ChangeBook) -> None:
    """Two accounts with the same ids have rows of their own."""
    other = UsageBook(book.engine, name="other")
    assert {name: records(other, name) for name in EXPORTS} == {name: [] for name in EXPORTS}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-5", "'-5"),
        ("@A", "'@A"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("a=b", "a=b"),
    ],
)
def test_no_text_is_a_formula(book: ChangeBook, name: str, cell: str) -> None:
    """A cell that a spreadsheet would run gets an apostrophe; JSON has it as it is, a number stays one."""
    book.run("UPDATE customer SET name = :name WHERE account_id = :account_id", name=name)
    (row,) = csv.DictReader(io.StringIO(exported(book, "invoices").decode(), newline=""))
    assert (row["customer"], row["rounding"]) == (cell, "-0.5")
    assert records(book, "invoices")[0]["customer"] == name


def test_outcomes_are_those_of_all_requests(book: ChangeBook) -> None:
    """Commits, usage, and what made nothing; what was refused first and made later is there once."""
    refused, made = UUID(int=7), UUID(records(book, "commits")[0]["id"])
    with by_hand(book.engine) as connection:
        for key in (refused, made):
            connection.execute(
                text("INSERT INTO outcome (account_id, request_id, outcome) VALUES (:account, :key, 'parked')"),
                {"account": book.account_id, "key": key},
            )
    found = records(book, "outcomes")
    assert [(each["kind"], each["outcome"]) for each in found[2:]] == [("usage", "created"), (None, "parked")]
    assert found[-1]["request_id"] == str(refused)
    assert str(CUSTOMER) == found[0]["customer"]


def test_what_is_no_span_is_refused() -> None:
    """A month that there is not, an end before its beginning, a name that no export has."""
    for named in ("2030-13", "30-01", "2030-1", "0000-01", "now"):
        with pytest.raises(NotAMonth):
            month_named(named)
    with pytest.raises(SpanRefused):
        Span(FEBRUARY, START)
    with pytest.raises(UnknownExport, match="invoice-lines"):
        export_named("invoice_lines")


def test_the_page_has_every_export() -> None:
    """With what a row is, and by which time it is chosen."""
    page = (ROOT / "worker/trueup_worker/exports/README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = [(name.strip("|` "), about, dated.rstrip(" |")) for name, about, dated in rows]
    assert told == [(each.name, each.about, each.dated) for each in EXPORTS.values()]
