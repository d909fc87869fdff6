"""Commitments as FOCUS 1.3 has them: each row against the rules of its columns, copied from the specification."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.integration.change_book import ChangeBook
from tests.integration.explained import explain_all
from tests.integration.usage_book import FIRST
from trueup.store.postgres.engine import snapshot
from trueup_worker.exports.export import Span
from trueup_worker.exports.focus import FOCUS
from trueup_worker.exports.formats import Format, chunks

CREDITS = UUID("e0000000-0000-4000-8000-0000000000c0")
NEW_YEAR = {"timestamp": "2030-01-01T00:00:00Z", "amount": 900}
Record = dict[str, Any]

# Column, data type, and when it may be null, as the specification's page of each column says. All 13 are mandatory.
RULES = """
    BillingCurrency                Currency  not where ContractCommitmentCategory is Spend
    ContractCommitmentCategory     Category  never
    ContractCommitmentCost         Decimal   not where ContractCommitmentCategory is Spend
    ContractCommitmentDescription  String    may
    ContractCommitmentId           String    never
    ContractCommitmentPeriodEnd    DateTime  never
    ContractCommitmentPeriodStart  DateTime  never
    ContractCommitmentQuantity     Decimal   not where ContractCommitmentCost is null
    ContractCommitmentType         String    never
    ContractCommitmentUnit         String    exactly where ContractCommitmentQuantity is null
    ContractId                     String    never
    ContractPeriodEnd              DateTime  never
    ContractPeriodStart            DateTime  never
"""
COLUMNS = {name: (kind, rule) for name, kind, rule in (line.split(maxsplit=2) for line in RULES.strip().splitlines())}
FORMS = {  # of values as text
    "Currency": r"[A-Z]{3}",
    "Category": r"Spend|Usage",
    "Decimal": r"-?\d+(\.\d+)?",
    "String": r".*\S.*",
    "DateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}


def broken_rules(row: Record) -> list[str]:
    """The columns whose rules a row breaks; values are texts, null is None."""
    nulls = {
        "never": False,
        "may": row["ContractCommitmentDescription"] is None,
        "not where ContractCommitmentCategory is Spend": row["ContractCommitmentCategory"] != "Spend",
        "not where ContractCommitmentCost is null": row["ContractCommitmentCost"] is not None,
        "exactly where ContractCommitmentQuantity is null": row["ContractCommitmentQuantity"] is None,
    }
    wrong = []
    for name, (kind, rule) in COLUMNS.items():
        value = row[name]
        must_be_null = rule.startswith("exactly") and nulls[rule]
        is_right = nulls[rule] if value is None else re.fullmatch(FORMS[kind], value) and not must_be_null
        if not is_right:
            wrong.append(name)
    if not (row["ContractCommitmentPeriodStart"] or "") < (row["ContractCommitmentPeriodEnd"] or "3"):
        wrong.append("period")
    return wrong


def exported(book: ChangeBook, form: Format) -> bytes:
    """The dataset."""
    with snapshot(book.engine) as connection:
        rows = FOCUS.rows(connection, book.account_id, Span())
        return b"".join(chunk.content for chunk in chunks(list(FOCUS.columns), rows, form=form))


@pytest.fixture
def book(database: Engine) -> ChangeBook:
    """A prepaid commit of two segments, a postpaid one, one of units, one paid in units; some that are none.

    Nobody pays for a complimentary commit, though it may name a contract.
    """
    made = ChangeBook(database)
    made.run("INSERT INTO unit (account_id, id, name) VALUES (:account_id, :id, 'Tokens')", id=CREDITS)
    half = {"starting_at": "2030-01-01T00:00:00Z", "ending_before": "2030-07-01T00:00:00Z", "amount": 500.5}
    other = half | {"starting_at": "2030-07-01T00:00:00Z", "ending_before": "2031-01-01T00:00:00Z"}
    items = {"schedule_items": [NEW_YEAR]}
    made.request(name="Two halves", access_schedule={"schedule_items": [half, other]}, invoice_schedule=items)
    at_end = {"schedule_items": [{"timestamp": "2031-01-01T00:00:00Z", "amount": 1000}]}
    made.request("POSTPAID", 1000, invoice_schedule=at_end)
    tokens = {"credit_type_id": str(CREDITS), "schedule_items": [half]}
    made.request(access_schedule=tokens, invoice_schedule=items)
    in_tokens = {"credit_type_id": str(CREDITS), **items}
    made.request(access_schedule=tokens, invoice_schedule=in_tokens)
    made.request("CREDIT", 50)
    made.request("PREPAID", 50)
    made.request("PREPAID", 50, invoice_contract_id=str(FIRST))
    made.archive(made.request(invoice_schedule=items))
    return made


def test_the_columns_are_those_of_the_dataset() -> None:
    """All of them, in their order, and no others."""
    assert list(FOCUS.columns) == list(COLUMNS)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_row_keeps_the_rules(book: ChangeBook, form: Format) -> None:
    """Types, formats and nulls, in both formats; the id of a commitment stands once."""
    content = exported(book, form).decode()
    if form == "csv":
        found = [
            {name: value or None for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(content, newline=""))
        ]
    else:
        told = [json.loads(line, parse_float=str, parse_int=str) for line in content.splitlines()]
        found = [dict(row) for row in told]
    assert [broken_rules(row) for row in found] == [[]] * 5
    assert len({row["ContractCommitmentId"] for row in found}) == len(found)
    assert {row["ContractId"] for row in found} == {str(FIRST)}


def test_segments_are_read_once(book: ChangeBook) -> None:
    """However many commits an open contract has: where it ends is not looked up for each of their rows."""
    for _ in range(20):
        book.request(invoice_schedule={"schedule_items": [NEW_YEAR]})
    segments = book.rows("SELECT count(*) AS count FROM segment WHERE account_id = :account_id")[0].count
    with snapshot(book.engine) as connection:

        def export() -> None:
            list(FOCUS.rows(connection, book.account_id, Span()))

        looked_at = sum(each.looked_at["segment"] for each in explain_all(connection, export))
    assert looked_at <= 4 * segments


def test_a_rule_that_is_broken_is_found(book: ChangeBook) -> None:
    """Each rule refuses what it is there for."""
    row = json.loads(exported(book, "jsonl").splitlines()[0], parse_float=str, parse_int=str)
    for name in COLUMNS:
        changed = row | {name: None if row[name] is not None else "1"}
        assert bool(broken_rules(changed)) == (name != "ContractCommitmentDescription")
    assert broken_rules(row | {"ContractPeriodEnd": "2030-01-01"}) == ["ContractPeriodEnd"]


def test_the_figures(book: ChangeBook) -> None:
    """Money at its face, units with what is paid for them; an open contract ends with the last access."""
    lines = exported(book, "jsonl").splitlines()
    rows = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    names = ("Category", "Cost", "Quantity", "Unit")
    told = [(row["BillingCurrency"], *(row[f"ContractCommitment{name}"] for name in names)) for row in rows]
    half = Decimal("500.5")
    assert told == [
        ("USD", "Spend", Decimal("5.005"), None, None),
        ("USD", "Spend", Decimal("5.005"), None, None),
        ("USD", "Spend", 10, None, None),
        ("USD", "Usage", 9, half, "Tokens"),
        (None, "Usage", None, half, "Tokens"),
    ]
    assert {row["ContractPeriodEnd"] for row in rows} == {"2031-01-01T00:00:00Z"}
    assert [row["ContractCommitmentDescription"] for row in rows][:3] == ["Two halves", "Two halves", "Fee"]


def test_what_has_no_contract_is_told(book: ChangeBook) -> None:
    """A commit that others invoice needs none, and has no row then; those of another span are none of it."""
    book.request(invoice_schedule={"do_not_invoice": True, "schedule_items": [NEW_YEAR]}, invoice_contract_id=None)
    later = Span(since=datetime(2031, 1, 1, tzinfo=UTC))
    with snapshot(book.engine) as connection:
        told = [FOCUS.left_out(connection, book.account_id, span) for span in (Span(), later)]
    assert told == [["1 segment of commits that have no contract"], []]
