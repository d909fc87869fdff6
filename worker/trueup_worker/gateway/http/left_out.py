"""Header of answers that lack something: what, and why."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_NAME = "Trueup-Left-Out"
_CHARS_MAX = 500


def left_out_headers(told: Sequence[str]) -> dict[str, str]:
    """The header of an answer, if there is anything to tell: a JSON string, as headers are ASCII."""
    return {_NAME: json.dumps("; ".join(told)[:_CHARS_MAX])} if told else {}


def left_out_described(description: str) -> Mapping[str, Any]:
    """The header in the OpenAPI document."""
    return {_NAME: {"description": description, "schema": {"type": "string"}}}
