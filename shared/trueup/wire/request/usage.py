"""The body of a rated usage line: its fields, and its one rule across fields.

Metering and rating happen upstream: a line comes with its prices. An instant is an instant: unlike access boundaries,
`timestamp` need not lie on a whole hour.
"""

from decimal import Decimal
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from trueup.domain.money import fits, product
from trueup.limits import LIST_ENTRIES_MAX
from trueup.wire.problems import Problem
from trueup.wire.request.rules import INVALID
from trueup.wire.values import NotNegative, Text, Timestamp, TransactionId, Uuid

_GroupValues = Annotated[dict[Text, Text], Field(max_length=LIST_ENTRIES_MAX)]


@with_config(ConfigDict(extra="forbid", strict=True))
class UsageRequest(TypedDict):
    """Line of usage: what was used, when, by whom, at which prices."""

    transaction_id: TransactionId
    customer_id: Uuid
    contract_id: Uuid
    product_id: Uuid
    timestamp: Timestamp
    quantity: NotNegative
    list_price: NotNegative
    commit_price: NotRequired[NotNegative | None]
    credit_type_id: NotRequired[Uuid | None]
    pricing_group_values: NotRequired[_GroupValues | None]
    presentation_group_values: NotRequired[_GroupValues | None]


def judge_usage(line: dict[str, Any]) -> list[Problem]:
    """The quantity times either price keeps within the digits of a number; the price is to blame.

    Judged where both are present and valid: `INVALID` stands for what is not.
    """
    quantity = line.get("quantity")
    if not isinstance(quantity, Decimal):
        return []
    return [
        Problem.of("amount_precision", path=f"/{name}")
        for name in ("list_price", "commit_price")
        if (price := line.get(name)) is not None and price is not INVALID and not fits(product(quantity, price))
    ]
