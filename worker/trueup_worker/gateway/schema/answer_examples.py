"""Examples of what calls are answered with: they go on from the examples of what the calls say."""

from typing import Any

from trueup_worker.gateway.schema.body_examples import BODIES
from trueup_worker.gateway.schema.examples import REQUEST, USAGE_LINE

Json = dict[str, Any]

_COMMIT = BODIES["ManualEntry"]["id"]
_CREDIT = BODIES["CreditOfCustomer"]["credit_id"]
_SEGMENT = BODIES["ManualEntry"]["segment_id"]
_INVOICE = BODIES["InvoiceToVoid"]["id"]
_CONTRACT = USAGE_LINE["contract_id"]
_CUSTOMER = REQUEST["customer_id"]
_PRODUCT: Json = {"id": REQUEST["product_id"], "name": BODIES["NewProduct"]["name"]}
_CENTS: Json = {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"}
_LINE = "0193e9a4-8f02-7d41-a3c5-6b1f0e9d2a77"
_BATCH = "0193e9a5-0c44-7ee8-8d1a-54f3b7c09e21"
_NEW = "0193e9a6-1b30-7f9c-b0d2-c3a8e4f51706"  # what is made by calls other than creates
_MADE_AT = "2025-01-02T08:15:00Z"

_USED = USAGE_LINE["quantity"] * USAGE_LINE["list_price"]
_GRANTED = REQUEST["access_schedule"]["schedule_items"][0]


def _agreement(commit_id: str, kind: str, entries: str, *, used: int, **more: Any) -> Json:
    """A commit or credit of which usage of one month was paid, with its ledger."""
    segment = _GRANTED | {"id": _SEGMENT}
    start = {"type": f"{entries}_SEGMENT_START", "amount": _GRANTED["amount"], "timestamp": _GRANTED["starting_at"]}
    taken = {"type": f"{entries}_AUTOMATED_INVOICE_DEDUCTION", "amount": -used, "timestamp": "2025-02-01T00:00:00Z"}
    ledger = [start | {"segment_id": _SEGMENT}, taken | {"segment_id": _SEGMENT, "invoice_id": _INVOICE}]
    return {
        "id": commit_id,
        "type": kind,
        "customer": {"id": _CUSTOMER},
        "product": _PRODUCT,
        "priority": REQUEST["priority"],
        "rate_type": "LIST_RATE",
        "created_at": _MADE_AT,
        "cost_basis": 0,
        "access_schedule": {"access_type": "SPEND", "credit_type": _CENTS, "schedule_items": [segment]},
        "balance": _GRANTED["amount"] - used,
        "ledger": ledger if used else ledger[:1],
        **more,
    }


def _made(made_id: str) -> Json:
    return {"data": {"id": made_id}}


def _pending(request_id: str) -> Json:
    return {"data": {"id": request_id, "outcome": "pending"}}


def _page(*listed: Json) -> Json:
    return {"data": list(listed), "next_page": None}


_KEY: Json = {"name": REQUEST["name"], "uniqueness_key": REQUEST["uniqueness_key"]}
_COMMIT_OBJECT = _agreement(_COMMIT, REQUEST["type"], "PREPAID_COMMIT", used=_USED, **_KEY)
_CREDIT_OBJECT = _agreement(_CREDIT, "CREDIT", "CREDIT", used=0, custom_fields={"campaign": "free-trial"})
_CUSTOMER_OBJECT: Json = {
    "id": _CUSTOMER,
    "name": BODIES["NewCustomer"]["name"],
    "external_id": BODIES["NewCustomer"]["ingest_aliases"][0],
    "ingest_aliases": BODIES["NewCustomer"]["ingest_aliases"],
    "custom_fields": BODIES["NewCustomer"]["custom_fields"],
}
_CUSTOMER_DETAIL = _CUSTOMER_OBJECT | {"created_at": _MADE_AT, "updated_at": _MADE_AT, "customer_config": {}}
_BY_US: Json = {"created_at": _MADE_AT, "created_by": "trueup"}
_PRODUCT_STATE = _BY_US | {"name": _PRODUCT["name"], "tags": BODIES["NewProduct"]["tags"]}
_PRODUCT_OBJECT: Json = {
    "id": _PRODUCT["id"],
    "type": BODIES["NewProduct"]["type"],
    "initial": _PRODUCT_STATE,
    "current": _PRODUCT_STATE,
    "updates": [],
    "custom_fields": {},
}
_CONTRACT_STATE: Json = _BY_US | {
    **{name: BODIES["NewContract"][name] for name in ("name", "starting_at", "net_payment_terms_days")},
    **{name: [] for name in ("commits", "credits", "overrides", "scheduled_charges", "transitions")},
    "usage_statement_schedule": {"frequency": "MONTHLY", "billing_anchor_date": BODIES["NewContract"]["starting_at"]},
}
_CONTRACT_OBJECT: Json = {
    "id": _CONTRACT,
    "customer_id": _CUSTOMER,
    "uniqueness_key": BODIES["NewContract"]["uniqueness_key"],
    "custom_fields": {},
    "initial": _CONTRACT_STATE,
    "current": _CONTRACT_STATE,
    "amendments": [],
    "usage_invoicing": "MONTHLY",
}
_PAID: Json = {"commit_id": _COMMIT, "commit_segment_id": _SEGMENT, "commit_type": "PrepaidCommit"}
_PAID |= {"credit_type": _CENTS, "applied_commit_or_credit": {"id": _COMMIT, "type": "PREPAID", "access_type": "SPEND"}}
_LINES: list[Json] = [
    {
        "type": "usage",
        "name": "GPU hours",
        "total": _USED,
        "quantity": USAGE_LINE["quantity"],
        "unit_price": USAGE_LINE["list_price"],
        "product_id": USAGE_LINE["product_id"],
        "product_type": "UsageProductListItem",
        **_PAID,
    },
    {
        "type": "applied_commit_or_credit",
        "name": REQUEST["name"],
        "total": -_USED,
        "quantity": 1,
        "unit_price": -_USED,
        "product_id": _PRODUCT["id"],
        "product_type": "FixedProductListItem",
        **_PAID,
    },
]
_INVOICE_OBJECT: Json = {
    "id": _INVOICE,
    "type": "USAGE",
    "status": "FINALIZED",
    "customer_id": _CUSTOMER,
    "customer_name": _CUSTOMER_OBJECT["name"],
    "credit_type": _CENTS,
    "line_items": _LINES,
    "subtotal": 0,
    "total": 0,
    "amount_due": 0,
    "issued_at": "2025-02-01T00:00:00Z",
    "number": 1,
    "contract_id": _CONTRACT,
    "net_payment_terms_days": BODIES["NewContract"]["net_payment_terms_days"],
    "start_timestamp": "2025-01-01T00:00:00Z",
    "end_timestamp": "2025-02-01T00:00:00Z",
    "finalized_at": "2025-02-02T00:00:03Z",
}
_DECIDED: Json = {"errors": [], "existing": None, "reason": None, "attempt": 1, "decided_at": _MADE_AT}
_NOT_POSITIVE: Json = {
    "path": "/access_schedule/schedule_items/0/amount",
    "code": "amount_not_positive",
    "message": "must be greater than 0",
}
_ROWS: list[Json] = [
    _DECIDED | {"row": 1, "id": "16d833c0-cb06-84b8-8000-00015b8a31d3", "outcome": "created", "batch_id": _BATCH},
    _DECIDED
    | {"row": 2, "id": "16d833c0-cb06-84b8-8000-00025b8a31d3", "outcome": "invalid", "batch_id": _BATCH}
    | {"errors": [_NOT_POSITIVE]},
]
_BATCH_OBJECT: Json = {
    "id": _BATCH,
    "name": "2025-renewals",
    "source": "upload",
    "kind": "commit",
    "state": "received",
    "rows": 3,
    "content_rows": 3,
    "created_at": _MADE_AT,
    "outcomes": {"created": 1, "invalid": 1},
    "undecided": 1,
    "results": _ROWS,
}
_PARKED_OBJECT: Json = {
    "id": "0193e9a6-42d7-7a05-9c6e-e1b7d2f84c30",
    "reason": BODIES["Replay"]["reason"],
    "detail": "IntegrityError: the database refuses this request, whoever sends it",
    "state": "parked",
    "task": "commits.create",
    "request_id": _COMMIT,
    "attempts": 3,
    "parked_at": _MADE_AT,
}

_GOOD: Json = {"running": True, "database": True, "queue": True, "workers": True, "calls_answered": True}
_QUEUELESS: Json = {"status": "unavailable", "checks": _GOOD | {"queue": False, "workers": False}}

# By the names of their schemas in the OpenAPI document.
ANSWERS: dict[str, Json] = {
    "Made": _made(_COMMIT),
    "Accepted": _pending(_COMMIT),
    "CommitAnswer": {"data": _COMMIT_OBJECT},
    "CommitPage": _page(_COMMIT_OBJECT, _CREDIT_OBJECT),
    "NetBalanceAnswer": {"data": {"balance": _CREDIT_OBJECT["balance"], "credit_type_id": _CENTS["id"]}},
    "CustomerAnswer": {"data": _CUSTOMER_OBJECT},
    "CustomerPage": _page(_CUSTOMER_DETAIL),
    "ProductAnswer": {"data": _PRODUCT_OBJECT},
    "ProductPage": _page(_PRODUCT_OBJECT),
    "ContractAnswer": {"data": _CONTRACT_OBJECT},
    "ContractPage": {"data": [_CONTRACT_OBJECT], "cursor": None},
    "InvoiceAnswer": {"data": _INVOICE_OBJECT},
    "InvoicePage": _page(_INVOICE_OBJECT),
    "RequestAnswer": {"data": _DECIDED | {"id": _COMMIT, "outcome": "created", "batch_id": None}},
    "BatchAccepted": {"data": {"id": _BATCH, "rows": 3, "rows_without_uniqueness_key": 0}},
    "BatchAnswer": {"data": _BATCH_OBJECT, "next_page": None},
    "Validated": {"data": {"outcome": "valid", "errors": [], "existing": None, "invoices": []}},
    "ParkedPage": {"data": [_PARKED_OBJECT], "counts": {_PARKED_OBJECT["reason"]: 1}, "next_page": None},
    "ReplayAnswer": {"data": {"chosen": 1, "replayed": 1}},
    "Alive": {"status": "ok"},
    "Ready": {"status": "ok", "checks": _GOOD},
    "Health": {
        "status": "ok",
        "checks": _GOOD,
        "backlog": {"commits": 2, "commits.bulk": 0, "usage": 0, "invoices": 0},
        "oldest_due_obligation_seconds": 0.412,
        "log_lines_lost": 0,
    },
}
# By path and schema, of calls whose answer is about something else than their schema's example.
OF_CALLS: dict[tuple[str, str], Json] = {
    ("/v1/contracts/customerCommits/list", "CommitPage"): _page(_COMMIT_OBJECT),
    ("/v1/contracts/customerCredits/list", "CommitPage"): _page(_CREDIT_OBJECT),
    ("/v1/customers/{customer_id}", "CustomerAnswer"): {"data": _CUSTOMER_DETAIL},
    ("/v1/contracts/customerCredits/create", "Made"): _made(_CREDIT),
    ("/v1/contracts/customerCredits/create", "Accepted"): _pending(_CREDIT),
    ("/v1/contracts/customerCredits/updateEndDate", "Made"): _made(_CREDIT),
    ("/v2/contracts/credits/edit", "Made"): _made(_CREDIT),
    ("/v2/contracts/credits/archive", "Made"): _made(_CREDIT),
    ("/v1/contract-pricing/products/create", "Made"): _made(_PRODUCT["id"]),
    ("/v1/contracts/create", "Made"): _made(_CONTRACT),
    ("/v1/contracts/addManualBalanceLedgerEntry", "Made"): _made(_NEW),
    ("/v1/usage", "Made"): _made(_LINE),
    ("/v1/usage", "Accepted"): _pending(_LINE),
    ("/v1/invoices/void", "Made"): _made(_INVOICE),
    ("/v1/invoices/mark", "Made"): _made(_INVOICE),
    ("/v1/invoices/unmark", "Made"): _made(_INVOICE),
    ("/v1/invoices/regenerate", "Made"): _made(_NEW),
}
# Of the health checks with 503, by the names of their schemas.
UNAVAILABLE: dict[str, Json] = {
    "Ready": _QUEUELESS,
    "Health": _QUEUELESS | {"backlog": None, "oldest_due_obligation_seconds": 0.412, "log_lines_lost": 0},
}
