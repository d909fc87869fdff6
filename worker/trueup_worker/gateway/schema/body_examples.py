"""Examples of what calls other than creates say, by the names of their schemas in the OpenAPI document."""

from typing import Any

from trueup_worker.gateway.schema.examples import REQUEST, USAGE_LINE

Json = dict[str, Any]

_CUSTOMER = REQUEST["customer_id"]
_COMMIT = "0193e9a4-5c1e-7c3a-9b8f-2f4d3a6c7e10"
_CREDIT = "0193e9a4-77d0-7b52-8c61-0a9be2d4f3c5"
_SEGMENT = "66368e29-3f97-4d15-a6e9-120897f0070a"
_INVOICE = "6162d87b-e5db-4a33-b7f2-76ce6ead4e85"
_CONTRACT = USAGE_LINE["contract_id"]
_OF_COMMIT: Json = {"commit_id": _COMMIT, "customer_id": _CUSTOMER}
_OF_CREDIT: Json = {"credit_id": _CREDIT, "customer_id": _CUSTOMER}
_END: Json = {"access_ending_before": "2025-10-01T00:00:00Z"}
_LISTED: Json = {"customer_id": _CUSTOMER, "covering_date": "2025-06-01T00:00:00Z", "include_balance": True}

BODIES: dict[str, Json] = {
    "CommitFilter": _LISTED | {"include_ledgers": True},
    "CreditFilter": _LISTED,
    "BalanceFilter": _LISTED | {"exclude_zero_balances": True, "limit": 50},
    "NetBalance": {
        "customer_id": _CUSTOMER,
        "filters": [{"balance_types": ["CREDIT"], "custom_fields": {"campaign": "free-trial"}}],
        "invoice_inclusion_mode": "FINALIZED_AND_DRAFT",
    },
    "CommitEndDate": _OF_COMMIT | _END | {"invoices_ending_before": "2025-10-01T00:00:00Z"},
    "CreditEndDate": _OF_CREDIT | _END,
    "CommitEdit": _OF_COMMIT | {"name": "Annual platform commitment, amended", "priority": 5},
    "CreditEdit": _OF_CREDIT | {"priority": 5},
    "CommitOfCustomer": _OF_COMMIT,
    "CreditOfCustomer": _OF_CREDIT,
    "PostpaidCommit": _OF_COMMIT | {"contract_id": _CONTRACT},
    "ManualEntry": {
        "id": _COMMIT,
        "customer_id": _CUSTOMER,
        "segment_id": _SEGMENT,
        "amount": -1000,
        "reason": "Agreed with the customer by phone",
        "uniqueness_key": "ticket-815",
    },
    "NewCustomer": {"name": "Example, Inc.", "ingest_aliases": ["team@example.com"], "custom_fields": {"region": "eu"}},
    "NewProduct": {"name": "Platform fee", "type": "FIXED", "tags": ["platform"]},
    "ProductChoice": {"id": REQUEST["product_id"]},
    "ProductFilter": {"archive_filter": "NOT_ARCHIVED"},
    "NewContract": {
        "customer_id": _CUSTOMER,
        "starting_at": "2025-01-01T00:00:00Z",
        "name": "Enterprise agreement",
        "net_payment_terms_days": 30,
        "uniqueness_key": "contract-4711",
    },
    "ContractChoice": {"customer_id": _CUSTOMER, "contract_id": _CONTRACT},
    "ContractFilter": {"customer_id": _CUSTOMER, "covering_date": "2025-06-01T00:00:00Z"},
    "InvoiceToVoid": {"id": _INVOICE},
    "InvoiceToRegenerate": {"id": _INVOICE},
    "InvoiceToMark": {"id": _INVOICE, "mark": "paid"},
    "InvoiceToUnmark": {"id": _INVOICE, "mark": "paid", "reason": "The payment bounced"},
    "Replay": {"reason": "database_refused"},
}
