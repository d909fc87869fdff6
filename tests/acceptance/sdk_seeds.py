"""What the SDK's own tests refer to by ids of their own: made by the use cases, then renamed to those ids."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import ACME, PLATFORM, credit, prepaid
from trueup.store.catalog.catalog import load_catalog
from trueup.wire.catalog import read_catalog
from trueup_worker.invoicing.issue import issue_all_due
from trueup_worker.invoicing.void import void_invoice

CUSTOMER = "d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"
LISTED = "9b85c1c1-5238-4f2a-a409-61412905e1e1"
EDITED = "4c91c473-fc12-445a-9c38-40421d47023f"
PRODUCT = "d84e7f4e-7a70-4fe4-be02-7a5027beffcc"
CONTRACT = "d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"
INVOICED = "3d5b0d2e-7e55-4f3a-9a63-0000000000ff"
BALANCE = "6162d87b-e5db-4a33-b7f2-76ce6ead4e85"
TO_EDIT = "5e7e82cf-ccb7-428c-a96f-a8e4f67af822"
SEGMENT = "66368e29-3f97-4d15-a6e9-120897f0070a"
INVOICE = "6a37bb88-8538-48c5-b37b-a41c836328bd"

CATALOG = {
    "customers": [{"id": each, "name": "Example, Inc."} for each in (CUSTOMER, LISTED, EDITED)],
    "products": [{"id": PRODUCT, "name": "My Product", "type": "USAGE", "tags": []}],
    "contracts": [
        {"id": CONTRACT, "customer_id": ACME, "starting_at": "2019-01-01T00:00:00Z"},
        {"id": INVOICED, "customer_id": CUSTOMER, "starting_at": "2019-01-01T00:00:00Z"},
    ],
}
ACCESS = {
    "schedule_items": [
        {"amount": 1_000_000, "starting_at": "2019-01-01T00:00:00Z", "ending_before": "2099-01-01T00:00:00Z"}
    ]
}

Seed = Callable[[Intake], None]


def catalog(account: Intake) -> None:
    """Customers, products and contracts, beside those of the cases."""
    with account.engine.begin() as connection:
        load_catalog(connection, account.account_id, read_catalog(json.dumps(CATALOG).encode()))


def balance(account: Intake, *, kind: str, commit_id: str, customer_id: str) -> None:
    """A commit or credit."""
    catalog(account)
    make = credit if kind == "credit" else prepaid
    _receive(account, make(customer_id=customer_id, access_schedule=ACCESS), commit_id, kind=kind)


def segment(account: Intake) -> None:
    """A commit whose one segment has the id that manual entries name."""
    commit(account)
    _rename(account, "UPDATE segment SET id = :id WHERE account_id = :a")
    _rename(account, "UPDATE ledger_entry SET segment_id = :id WHERE account_id = :a AND segment_id IS NOT NULL")


def invoice(account: Intake) -> None:
    """A finalized invoice."""
    catalog(account)
    schedule = {"schedule_items": [{"timestamp": "2020-01-01T00:00:00Z", "amount": 250}]}
    body = prepaid(customer_id=CUSTOMER, invoice_contract_id=INVOICED, invoice_schedule=schedule)
    _receive(account, body, BALANCE)
    _rename(account, "UPDATE obligation SET id = :id WHERE account_id = :a", to=INVOICE)
    assert issue_all_due(account.engine, account.account_id).issued == 1


def void(account: Intake) -> None:
    """A void invoice: what can be voided once more, and regenerated."""
    invoice(account)
    with account.engine.begin() as connection:
        void_invoice(
            connection, account_id=account.account_id, invoice_id=UUID(INVOICE), reason="wrong", actor="the tests"
        )


commit: Seed = partial(balance, kind="commit", commit_id=BALANCE, customer_id=ACME)
a_credit: Seed = partial(balance, kind="credit", commit_id=BALANCE, customer_id=ACME)
edited_commit: Seed = partial(balance, kind="commit", commit_id=TO_EDIT, customer_id=EDITED)
edited_credit: Seed = partial(balance, kind="credit", commit_id=TO_EDIT, customer_id=EDITED)


def _receive(account: Intake, body: dict[str, Any], request_id: str, *, kind: str = "commit") -> None:
    assert body["product_id"] == PLATFORM
    [outcome] = account.receive(entry(body, request_id=request_id, kind=kind))
    assert outcome.outcome == "created", outcome


def _rename(account: Intake, statement: str, *, to: str = SEGMENT) -> None:
    """Gives the account's only row another id; ids are Trueup's own to choose, so no use case does this."""
    with by_hand(account.engine) as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement), {"a": account.account_id, "id": to})
