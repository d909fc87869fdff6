"""Amounts as parameters of a statement."""

import json
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID


def amounts_as_json(amounts: Mapping[str, Decimal] | Mapping[UUID, Decimal]) -> str:
    """Amounts by id as a statement takes them: exact."""
    return json.dumps({str(key): str(amount) for key, amount in amounts.items()})
