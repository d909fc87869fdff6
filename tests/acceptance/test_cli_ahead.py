"""Worked examples, from the command line to the invoice and back to the usage."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.acceptance.conftest import CATALOG
from tests.bodies import CONTRACT, CUSTOMER, access_item, postpaid, prepaid
from tests.unit.wire.test_usage import line

SECONDS_MAX = 30
ACCESS = {"starting_at": "2030-01-01T00:00:00Z", "ending_before": "2031-01-01T00:00:00Z"}
MONTHS = [f"2030-{month:02}" for month in range(1, 13)]


class Account:
    """A sandbox with the catalog of the cases, seen through the command line."""

    def __init__(self, stack: Command, folder: Path) -> None:
        self.stack, self.folder, self.name = stack, folder, f"account {uuid4()}"
        stack.ok("accounts", "create", self.name, "--sandbox")
        stack.ok("catalog", "load", CATALOG, "--account", self.name)

    def ok(self, *arguments: object) -> Any:
        """The JSON that a command prints."""
        return self.stack.ok(*arguments, "--json", "--account", self.name).json()

    def shown(self, *arguments: object) -> str:
        """What a command shows to people."""
        return self.stack.ok(*arguments, "--account", self.name).stdout

    def send(self, *rows: dict[str, Any], usage: bool = False) -> list[str]:
        """Ingests rows; gives the ids of their requests."""
        file, results = self.folder / "rows.jsonl", self.folder / "results.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        self.ok(*(["usage"] if usage else []), "ingest", file, "--results", results)
        return [json.loads(told)["id"] for told in results.read_text().splitlines()]

    def settled(self, until: str, invoices: int) -> list[dict[str, Any]]:
        """Moves the clock; gives the finalized invoices, once there are as many."""
        self.ok("clock", "advance", "--to", until)
        deadline = time.monotonic() + SECONDS_MAX
        while len(found := self.ok("invoices", "list", "--status", "finalized")) < invoices:
            assert time.monotonic() < deadline, f"{len(found)} invoices instead of {invoices}"
        return list(found)


@pytest.fixture
def account(stack: Command, tmp_path: Path) -> Account:
    """An account of its own."""
    return Account(stack, tmp_path)


def promised(make: Callable[..., dict[str, Any]], amount: str, **changes: Any) -> dict[str, Any]:
    """A commit over 2030."""
    body = make(access_schedule={"schedule_items": [access_item(amount=float(amount), **ACCESS)]}, **changes)
    if "invoice_schedule" in body:
        item = {"timestamp": ACCESS["ending_before"], "amount": float(amount)}
        body["invoice_schedule"] = {"schedule_items": [item]}
    return body


def used(month: str, amount: str) -> dict[str, Any]:
    """Usage of one hour at price 1."""
    at = f"{month}-10T12:30:00Z"
    return line(transaction_id=f"used in {month}", timestamp=at, quantity=float(amount), list_price=1)


def test_usage_500_of_prepaid_400_and_postpaid_400(account: Account) -> None:
    """Prepaid pays 400, postpaid 100; the customer is charged 100, as was foreseen; every debit is explained."""
    paid, promise = account.send(promised(prepaid, "400"), promised(postpaid, "400"))
    [request] = account.send(used(MONTHS[0], "500"), usage=True)
    assert request
    foreseen = account.ok("forecast", "--until", "2030-02-02", "--customer", CUSTOMER)
    assert [(each["outcome"], each["type"], each["amount"]) for each in foreseen] == [("issued", "USAGE", 100)]
    assert foreseen[0]["at"] == "2030-02-02T00:00:00Z"
    draft = account.ok("explain", foreseen[0]["id"], "--lines")
    assert [(each["amount"], each["transaction_ids"]) for each in draft["receipts"]] == [
        (400, ["used in 2030-01"]),
        (100, ["used in 2030-01"]),
    ]
    [invoice] = account.settled("2030-02-02", 1)
    assert (invoice["id"], invoice["total"]) == (foreseen[0]["id"], 100)
    drawn = {key: account.ok("explain", key)["entries"][-1] for key in (paid, promise)}
    assert [each["amount"] for each in drawn.values()] == [-400, -100]
    balance = account.ok("balance", CUSTOMER)
    assert {each["commit_id"]: each["usable"] for each in balance["commits"]} == {paid: 0, promise: 300}
    told = account.shown("explain", invoice["id"])
    assert "1: prepaid commits and credits before postpaid commits" in told
    assert account.ok("reconcile") == []


@pytest.mark.slow
def test_twelve_months_of_800_leave_400_of_10_000(account: Account) -> None:
    """Each month is charged in full; the true-up bills what is missing, with its arithmetic on it."""
    [promise] = account.send(promised(postpaid, "10000"))
    account.send(*(used(month, "800") for month in MONTHS), usage=True)
    foreseen = account.ok("forecast", "--until", "2032-01-01", "--contract", CONTRACT)
    assert [each["amount"] for each in foreseen] == [800] * 12 + [400]
    assert foreseen[-1]["why"] == "committed 10000 - drawn 9600 + adjustments 0 = due 400"
    invoices = account.settled("2032-01-01", 13)
    assert [(each["id"], each["total"]) for each in invoices] == [(each["id"], each["amount"]) for each in foreseen]
    explained = account.ok("explain", promise)
    assert explained["true_up"] == {"committed": 10000, "drawn": 9600, "adjustments": 0, "due": 400}
    assert [each["amount"] for each in explained["entries"]] == [10000, *[Decimal(-800)] * 12, -400]
    assert "committed 100.00 - drawn 96.00 + adjustments 0.00 = due 4.00 USD" in account.shown("explain", promise)
    assert account.ok("reconcile") == []


@pytest.mark.slow
def test_what_cannot_be_told(account: Account) -> None:
    """The past, what is no date, two filters at once, and ids that nobody knows end with 2 and a sentence."""
    unknown = uuid4()
    for arguments, said in (
        (("forecast", "--until", "2001-01-01"), "has passed"),
        (("forecast", "--until", "soon"), "is not an instant"),
        (("forecast", "--until", "9999-01-01"), "up to 9998"),
        (("forecast", "--until", "+1d", "--customer", CUSTOMER, "--contract", CONTRACT), "not both"),
        (("forecast", "--until", "+1d", "--customer", unknown), f"no customer {unknown}"),
        (("explain", unknown), f"no commit, credit or invoice {unknown}"),
        (("balance", unknown), f"no customer {unknown}"),
    ):
        result = account.stack(*arguments, "--account", account.name)
        assert (result.code, said in result.stderr, result.stdout) == (2, True, ""), (arguments, result.stderr)
