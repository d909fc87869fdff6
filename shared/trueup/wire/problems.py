"""Problems of a request: their codes, paths and messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from trueup.limits import BODY_BYTES_MAX, DECIMALS_MAX, DIGITS_BEFORE_POINT_MAX, PROBLEMS_MAX, SCHEDULE_ITEMS_MAX

# Every stable error code with its message, which reads on from the name of the field. Braces are filled in where known.
CODES: dict[str, str] = {
    # The text as a whole: each of these comes alone.
    "body_too_large": f"must have at most {BODY_BYTES_MAX} bytes of UTF-8",
    "json_invalid": "must be valid JSON: {detail}",
    "file_unreadable": "must be a file that can be read: {detail}",
    "csv_row_shape": "must have as many cells as the header names columns: {found}",
    "csv_quotes": "must have quotes that match: {found}",
    "not_utf8": "must be UTF-8: {found}",
    "cell_unreadable": "must be read as its mapping says: {found}",
    "cell_missing": "must have content where its mapping needs it: {found}",
    "lookup_not_found": "must name a record of the catalog: {found}",
    "lookup_ambiguous": "must name one record of the catalog alone: {found}",
    "too_deep": "must not be nested deeper than a request ever is",
    "not_an_object": "must be a JSON object",
    # Fields.
    "missing": "is required",
    "unknown_field": "is not a known field",
    "wrong_type": "must be {expected}",
    "not_a_uuid": "must be a UUID such as 13117714-3f05-48e5-a6e9-a66093f13b4d",
    "not_an_enum_value": "must be one of {expected}",
    "not_a_number": "must be a JSON number",
    "not_a_timestamp": "must be an RFC 3339 timestamp with an offset, such as 2025-01-01T00:00:00Z, from 1970 to 9998",
    "not_hour_aligned": "must lie on a whole hour in UTC",
    "amount_not_positive": "must be greater than 0",
    "negative": "must not be less than 0",
    "amount_precision": f"must need at most {DIGITS_BEFORE_POINT_MAX} digits before the point and {DECIMALS_MAX} after",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} characters",
    "text_not_storable": "must not contain the character NUL",
    "too_many_items": "must have at most {max_length} entries",
    "empty_schedule": "must have at least one item",
    # Rules across fields.
    "window_inverted": "must be later than starting_at",
    "one_schedule_form": "must have exactly one of schedule_items and recurring_schedule",
    "amount_or_unit_price_and_quantity": "must have either amount, or both unit_price and quantity",
    "empty_specifier": "must have at least one part that is not empty",
    "specifiers_exclusive": "must not stand beside applicable_product_ids or applicable_product_tags",
    "invoice_contract_required": "is required when there is something to invoice",
    "postpaid_needs_invoice_schedule": "is required for a POSTPAID commit",
    "postpaid_recurring_not_allowed": "is not allowed for a POSTPAID commit",
    "postpaid_single_invoice_item": "must have exactly one item for a POSTPAID commit",
    "postpaid_single_access_item": "must have exactly one item for a POSTPAID commit",
    "postpaid_totals_differ": "must be the amount of the access schedule for a POSTPAID commit",
    "postpaid_units_differ": "must be the unit of the access schedule for a POSTPAID commit",
    "postpaid_quantity_not_allowed": "must be SPEND for a POSTPAID commit",
    # References.
    "customer_not_found": "is not a known customer",
    "product_not_found": "is not a known product",
    "product_not_fixed": "must be a product of type FIXED",
    "product_is_fixed": "must not be a product of type FIXED: those carry the invoices of commits",
    "contract_not_found": "is not a known contract of the customer",
    "outside_contract": "must lie within the contract: not before it starts, and before it ends",
    "unit_not_found": "is not a known credit type",
    # What was stored before.
    "change_refused": "cannot be changed so: {detail}",
    "transaction_id_reused": "was used before with other content: a correction is a line of its own",
    "batch_undone": "came with a batch that was undone, of which nothing becomes a commit any more: {detail}",
}
NOT_FOUND_CODES = frozenset(
    {"customer_not_found", "product_not_found", "contract_not_found", "unit_not_found", "lookup_not_found"}
)

_TOLD_MAX = 3  # problems that the message spells out; the list has them all
_NAME_CHARS_MAX = 120
_DEFAULTS = {
    "detail": "it cannot be read",
    "found": "it is not",
    "expected": "of another JSON type",
    "max_length": SCHEDULE_ITEMS_MAX,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (a JSON Pointer; empty for the whole body), which (a key of `CODES`), in words."""

    path: str
    code: str
    message: str

    @classmethod
    def of(cls, code: str, *, path: str, **details: object) -> Self:
        """A problem with the message of its code, whose braces the details fill in."""
        return cls(path, code, CODES[code].format_map(_DEFAULTS | details))


def pointer(parts: Iterable[str | int]) -> str:
    """The JSON Pointer (RFC 6901) of a place.

    A NUL in a key is shown as U+FFFD: the pointer ends up in the database, which cannot hold it.
    """
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1").replace("\0", "\N{REPLACEMENT CHARACTER}")
        for part in parts
    )


def outcome_of(problems: Sequence[Problem]) -> Literal["invalid", "not_found"]:
    """The outcome of a request with these problems: `not_found` when each of them is a 404 code."""
    assert problems, "without problems there is no such outcome"
    return "not_found" if all(each.code in NOT_FOUND_CODES for each in problems) else "invalid"


def error_body(problems: Sequence[Problem], *, more: int = 0) -> dict[str, Any]:
    """The error as the caller sees it: message, code, at most 100 errors, and the number of the others.

    Args:
        problems: what is wrong, as far as it is known one by one.
        more: how many other problems there are.
    """
    untold = max(0, len(problems) - PROBLEMS_MAX) + more
    told: dict[str, Any] = {
        "message": _summary(problems, len(problems) + more),
        "code": "not_found" if outcome_of(problems) == "not_found" else "invalid_request",
        "errors": [{"path": each.path, "code": each.code, "message": each.message} for each in problems[:PROBLEMS_MAX]],
    }
    return told | ({"more": untold} if untold else {})


def _summary(problems: Sequence[Problem], number: int) -> str:
    count = "1 problem" if number == 1 else f"{number} problems"
    told = [f"{_name(each.path)} {each.message}" for each in problems[:_TOLD_MAX]]
    if number > _TOLD_MAX:
        told.append("…")
    return f"{count}: {'; '.join(told)}"


def _name(path: str) -> str:
    """The place as people write it: `access_schedule.schedule_items[0].amount`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    name = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in parts).removeprefix(".")
    return (name if len(name) <= _NAME_CHARS_MAX else f"{name[:_NAME_CHARS_MAX]}…") or "the body"
