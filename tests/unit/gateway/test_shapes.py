"""Objects in the SDK's shapes, and pages of them."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from metronome.types.shared import Commit, Credit
from pydantic import TypeAdapter

from trueup.store.commits.pages import CommitRecord
from trueup.store.tables import ledger_entry
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.schema.shapes import commit_object, page

NOW = datetime(2026, 1, 1, tzinfo=UTC)
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
        "id": uuid4(),
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
    items = [] if paid is None else [{"amount": Decimal(paid), "invoice_id": None}]
    return CommitRecord(columns, segments=[{"amount": Decimal(granted)}], items=items, **more)


@pytest.mark.parametrize(
    ("granted", "paid", "basis"),
    [("1000", None, "0"), ("1000", "250", "0.25"), ("3", "1", "0.333333333333"), ("5", "10", "2")],
)
def test_cost_basis(granted: str, paid: str | None, basis: str) -> None:
    """What is paid for a unit of access, to twelve decimals; nothing for a complimentary commit."""
    assert commit_object(commit(granted=granted, paid=paid))["cost_basis"] == Decimal(basis)


def test_what_is_not_there_is_left_out() -> None:
    """No member is null, and no schedule is made up."""
    told = commit_object(commit())
    assert None not in told.values()
    assert not {"invoice_schedule", "invoice_contract", "balance", "ledger", "name"} & told.keys()


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
    entry = {"type": kind, "amount": Decimal(-1), "effective_at": NOW, "segment_id": uuid4(), "reason": "why"}
    entry["invoice_id"] = uuid4() if "invoice_id" in members else None
    [told] = commit_object(commit(ledger=[entry]))["ledger"]
    assert told.keys() == {"type", "amount", "timestamp"} | members


@pytest.mark.parametrize("kind", LEDGER_TYPES)
def test_the_sdk_knows_every_ledger_entry(kind: str) -> None:
    """Its strict mode accepts a commit, or a credit, with an entry of each type that a ledger can have."""
    invoice_id = uuid4() if kind.endswith(("DEDUCTION", "TRUEUP")) else None
    entry = {"type": kind, "amount": Decimal(-1), "effective_at": NOW, "segment_id": uuid4(), "reason": "why"}
    given = commit(ledger=[entry | {"invoice_id": invoice_id}])
    given.segments = [{"id": uuid4(), "amount": Decimal(1), "starting_at": NOW, "ending_before": NOW}]
    told = json.loads(Json(commit_object(given)).body)
    if kind.startswith("CREDIT"):
        told["type"] = "CREDIT"
    TypeAdapter(Credit if kind.startswith("CREDIT") else Commit).validate_python(told)


def test_pages() -> None:
    """One more than fits says that there is another page, which begins behind the last one told."""
    objects = [{"id": number} for number in range(3)]
    assert page(objects, limit=2) == {"data": objects[:2], "next_page": "1"}
    assert page(objects, limit=3) == {"data": objects, "next_page": None}


def test_every_digit() -> None:
    """Decimals leave as JSON numbers with all their digits."""
    assert Json({"amount": Decimal("12345678901234567.89")}).body == b'{"amount":12345678901234567.89}'
