"""Commits and credits as the SDK knows them, and pages of them."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from metronome.types.shared import Commit, Credit
from pydantic import TypeAdapter

from trueup.store.commits.pages import CommitRecord, InvoiceItem, LedgerEntry, Segment
from trueup.store.tables import ledger_entry
from trueup_worker.gateway.answers.commits import Commit as Told
from trueup_worker.gateway.http.answer import Id, Page, encode
from trueup_worker.gateway.http.encoding import Json

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = uuid4()
_TYPES: Any = next(each for each in ledger_entry.constraints if each.name == "ledger_entry_type_check")
LEDGER_TYPES = re.findall(r"'([A-Z_]+)'", str(_TYPES.sqltext))
NONE = (
    "name",
    "description",
    "applicable_product_ids",
    "applicable_product_tags",
    "applicable_contract_ids",
    "specifiers",
    "custom_fields",
    "netsuite_sales_order_id",
    "salesforce_opportunity_id",
    "uniqueness_key",
    "archived_at",
    "invoice_contract_id",
)


def commit(*, granted: str = "1000", paid: str | None = None, **more: Any) -> CommitRecord:
    """A commit with one segment, and one invoice item if anything is paid."""
    columns: dict[str, Any] = dict.fromkeys(NONE) | {
        "id": ID,
        "type": "PREPAID",
        "customer_id": uuid4(),
        "product_id": uuid4(),
        "product": "Platform",
        "priority": Decimal(1),
        "rate_type": "LIST_RATE",
        "created_at": NOW,
        "access_type": "SPEND",
        "access_unit_id": uuid4(),
        "access_unit": None,
        "invoice_unit_id": None if paid is None else uuid4(),
        "invoice_unit": None,
        "do_not_invoice": False,
    }
    segment = Segment(commit_id=ID, id=uuid4(), amount=Decimal(granted), starting_at=NOW, ending_before=NOW)
    items = [] if paid is None else [item(Decimal(paid))]
    return CommitRecord(**columns | {"segments": [segment], "items": items} | more)


def item(amount: Decimal) -> InvoiceItem:
    """An item of an invoice schedule."""
    return InvoiceItem(
        commit_id=ID, id=uuid4(), amount=amount, quantity=Decimal(1), unit_price=amount, timestamp=NOW, invoice_id=None
    )


def entry(kind: str, invoice_id: UUID | None) -> LedgerEntry:
    """A booking."""
    return LedgerEntry(
        commit_id=ID,
        type=kind,
        amount=Decimal(-1),
        effective_at=NOW,
        segment_id=uuid4(),
        invoice_id=invoice_id,
        reason="why",
    )


def told(record: CommitRecord) -> dict[str, Any]:
    """The JSON of a commit."""
    found: dict[str, Any] = json.loads(encode(Told.of(record)), parse_float=Decimal, parse_int=Decimal)
    return found


@pytest.mark.parametrize(
    ("granted", "paid", "basis"),
    [("1000", None, "0"), ("1000", "250", "0.25"), ("3", "1", "0.333333333333"), ("5", "10", "2")],
)
def test_cost_basis(granted: str, paid: str | None, basis: str) -> None:
    """What is paid for a unit of access, to twelve decimals; nothing for a complimentary commit."""
    assert told(commit(granted=granted, paid=paid))["cost_basis"] == Decimal(basis)


def test_what_is_not_there_is_left_out() -> None:
    """No member is null, and no schedule is made up."""
    found = told(commit())
    assert None not in found.values()
    assert not {"invoice_schedule", "invoice_contract", "balance", "ledger", "name"} & found.keys()


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("PREPAID_COMMIT_SEGMENT_START", {"segment_id"}),
        ("PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION", {"segment_id", "invoice_id"}),
        ("POSTPAID_COMMIT_TRUEUP", {"invoice_id"}),
        ("CREDIT_MANUAL", {"reason"}),
    ],
)
def test_ledger_entries(kind: str, members: set[str]) -> None:
    """Each type has its own members."""
    booked = entry(kind, uuid4() if "invoice_id" in members else None)
    [found] = told(commit(ledger=[booked]))["ledger"]
    assert found.keys() == {"type", "amount", "timestamp"} | members


@pytest.mark.parametrize("kind", LEDGER_TYPES)
def test_the_sdk_knows_every_ledger_entry(kind: str) -> None:
    """Its strict mode accepts a commit, or a credit, with an entry of each type that a ledger can have."""
    invoice_id = uuid4() if kind.endswith(("DEDUCTION", "TRUEUP")) else None
    found = json.loads(Json(Told.of(commit(ledger=[entry(kind, invoice_id)]))).body)
    if kind.startswith("CREDIT"):
        found["type"] = "CREDIT"
    TypeAdapter(Credit if kind.startswith("CREDIT") else Commit).validate_python(found)


def test_pages() -> None:
    """One more than fits says that there is another page, which begins behind the last one told."""
    objects = [Id(id=UUID(int=number)) for number in range(3)]
    assert Page.of(objects, limit=2) == Page(data=objects[:2], next_page=UUID(int=1))
    assert Page.of(objects, limit=3) == Page(data=objects, next_page=None)


def test_every_digit() -> None:
    """Decimals leave as JSON numbers with all their digits."""
    assert Json({"amount": Decimal("12345678901234567.89")}).body == b'{"amount":12345678901234567.89}'
