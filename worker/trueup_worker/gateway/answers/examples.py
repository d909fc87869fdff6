"""Common ground of the OpenAPI document's examples: one customer's story."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

Json = dict[str, Any]

CUSTOMER = UUID("5e78454d-f065-41c2-84cc-4549c1acc990")
CUSTOMER_NAME = "Example, Inc."
CUSTOMER_ALIAS = "team@example.com"
CUSTOMER_FIELDS = {"region": "eu"}
PRODUCT = UUID("9dfb369b-ab13-4fae-a276-55daa05f1119")
PRODUCT_NAME = "Platform fee"
PRODUCT_TAG = "platform"
USAGE_PRODUCT = UUID("8f1c2b7e-52c9-4f0e-a7bb-0d1f6f0a0001")
CONTRACT = UUID("182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e")
CONTRACT_NAME = "Enterprise agreement"
CONTRACT_KEY = "contract-4711"
PAYMENT_DAYS = 30
UNIT = UUID("2714e483-4ff1-48e4-9e25-ac732e8f24f2")
UNIT_NAME = "USD (cents)"
COMMIT = UUID("0193e9a4-5c1e-7c3a-9b8f-2f4d3a6c7e10")
COMMIT_NAME = "Annual platform commitment"
UNIQUENESS_KEY = "order-4711"
PRIORITY = Decimal(10)
CREDIT = UUID("0193e9a4-77d0-7b52-8c61-0a9be2d4f3c5")
CREDIT_FIELDS = {"campaign": "free-trial"}
SEGMENT = UUID("66368e29-3f97-4d15-a6e9-120897f0070a")
GRANTED = Decimal(1_200_000)
STARTING_AT = datetime(2025, 1, 1, tzinfo=UTC)
MADE_AT = datetime(2025, 1, 2, 8, 15, tzinfo=UTC)
MONTH_END = datetime(2025, 2, 1, tzinfo=UTC)
FINALIZED_AT = datetime(2025, 2, 2, 0, 0, 3, tzinfo=UTC)
ENDING_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
INVOICE = UUID("6162d87b-e5db-4a33-b7f2-76ce6ead4e85")
LINE = UUID("0193e9a4-8f02-7d41-a3c5-6b1f0e9d2a77")
QUANTITY = Decimal(120)
LIST_PRICE = Decimal(250)
USED = QUANTITY * LIST_PRICE
SELLER = "Acme Cloud Ltd"
ADDRESS = "1 Harbour Street\nDublin"
WEBHOOK = UUID("0199c1a4-7d52-7b1e-9d0a-3f5c8e2b6a17")
EVENT = UUID("8d2f6a4c-0b7e-8c15-a3d9-5e1f7b2c9a04")
BATCH = UUID("0193e9a5-0c44-7ee8-8d1a-54f3b7c09e21")
NEW = UUID("0193e9a6-1b30-7f9c-b0d2-c3a8e4f51706")  # what is made by calls other than creates

REQUEST: Json = {
    "customer_id": str(CUSTOMER),
    "type": "PREPAID",
    "name": COMMIT_NAME,
    "priority": int(PRIORITY),
    "product_id": str(PRODUCT),
    "access_schedule": {
        "schedule_items": [
            {"amount": int(GRANTED), "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"}
        ]
    },
    "uniqueness_key": UNIQUENESS_KEY,
}

USAGE_LINE: Json = {
    "transaction_id": "gpu-hours-2025-01-07T09",
    "customer_id": str(CUSTOMER),
    "contract_id": str(CONTRACT),
    "product_id": str(USAGE_PRODUCT),
    "timestamp": "2025-01-07T09:30:00Z",
    "quantity": int(QUANTITY),
    "list_price": int(LIST_PRICE),
}

NOT_POSITIVE: Json = {
    "path": "/access_schedule/schedule_items/0/amount",
    "code": "amount_not_positive",
    "message": "must be greater than 0",
}
