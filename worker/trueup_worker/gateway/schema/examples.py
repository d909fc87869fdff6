"""Examples for the OpenAPI document: a request, and every way to be refused."""

from typing import Any

Json = dict[str, Any]

_ID = "0193e9a4-5c1e-7c3a-9b8f-2f4d3a6c7e10"
REQUEST: Json = {
    "customer_id": "5e78454d-f065-41c2-84cc-4549c1acc990",
    "type": "PREPAID",
    "name": "Annual platform commitment",
    "priority": 10,
    "product_id": "9dfb369b-ab13-4fae-a276-55daa05f1119",
    "access_schedule": {
        "schedule_items": [
            {"amount": 1200000, "starting_at": "2025-01-01T00:00:00Z", "ending_before": "2026-01-01T00:00:00Z"}
        ]
    },
    "uniqueness_key": "order-4711",
}

USAGE_LINE: Json = {
    "transaction_id": "gpu-hours-2025-01-07T09",
    "customer_id": "5e78454d-f065-41c2-84cc-4549c1acc990",
    "contract_id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
    "product_id": "8f1c2b7e-52c9-4f0e-a7bb-0d1f6f0a0001",
    "timestamp": "2025-01-07T09:30:00Z",
    "quantity": 120,
    "list_price": 250,
}


def _example(code: str, message: str, **more: Any) -> Json:
    return {code: {"value": {"message": message, "code": code, **more}}}


def _error(path: str, code: str, message: str) -> Json:
    return {"path": path, "code": code, "message": message}


_AMOUNT = "/access_schedule/schedule_items/0/amount"
ERRORS: dict[str, Json] = {
    "400": {
        "description": "The call breaks the rules: `errors` has every problem, with its place and its code.",
        "examples": _example(
            "invalid_request",
            "1 problem: access_schedule.schedule_items[0].amount must be greater than 0",
            errors=[_error(_AMOUNT, "amount_not_positive", "must be greater than 0")],
        ),
    },
    "401": {
        "description": "There is no token, or it is unknown, expired or revoked.",
        "examples": _example("unauthenticated", "this token is unknown, expired or revoked"),
    },
    "403": {
        "description": "The token lacks the scope.",
        "examples": _example("forbidden", "token 5f1c lacks the scope 'operate': create one that has it"),
    },
    "404": {
        "description": "It is missing, or another account's; or all that is wrong is what the body refers to.",
        "examples": _example(
            "not_found",
            "1 problem: customer_id is not a known customer",
            errors=[_error("/customer_id", "customer_not_found", "is not a known customer")],
        ),
    },
    "408": {
        "description": "The body did not arrive in time.",
        "examples": _example("invalid_request", "the body did not arrive in time"),
    },
    "409": {
        "description": "What is used once (a key, a transaction id, a batch's name) belongs to something else.",
        "examples": _example(
            "duplicate",
            f"the uniqueness_key was used before, by PREPAID {_ID}",
            existing={"id": _ID, "type": "PREPAID"},
            same_content=True,
        )
        | _example("idempotency_key_reused", "the idempotency key was used before with other content"),
    },
    "413": {
        "description": "The body is too long.",
        "examples": _example(
            "invalid_request",
            "1 problem: the body must have at most 262144 bytes of UTF-8",
            errors=[_error("", "body_too_large", "must have at most 262144 bytes of UTF-8")],
        ),
    },
    "415": {
        "description": "The body is of another type.",
        "examples": _example("invalid_request", "the body must be JSON: send it as content-type: application/json"),
    },
    "429": {
        "description": "The account is past its rate, or the backlog at its limit: again after `retry-after` seconds.",
        "examples": _example("rate_limited", "more than 100 calls a second"),
    },
    "500": {
        "description": "A defect in Trueup.",
        "examples": _example("unavailable", "a defect in Trueup: please report it with the request id 0193e9a4"),
    },
    "503": {
        "description": (
            "A service is away. With `retry-after` nothing was kept, and the call may be repeated; with "
            "`x-should-retry: false` that is not known: ask first, for `data.id` where there is one."
        ),
        "examples": _example("unavailable", "the queue does not answer; nothing was kept: try again"),
    },
}
