"""A hook of schemathesis: most ids that it invents become ids that exist, else all it would ever see is 404."""

import json
import os
from typing import Any
from uuid import UUID

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ.get("TRUEUP_TEST_KNOWN_IDS", "{}"))

schemathesis.serializer.alias("application/toml", "text/plain")


@schemathesis.hook
def before_call(_: Any, case: Any, __: dict[str, Any]) -> None:
    """Puts known ids into the path and the body."""
    case.path_parameters = _known(case.path_parameters)
    case.body = _known(case.body)


def _known(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _known(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_known(each, name) for each in value]
    return _chosen(value, KNOWN[name]) if name in KNOWN and isinstance(value, str) else value


def _chosen(value: str, choices: list[str]) -> str:
    """One of the choices, or as often as each of them the invented id, which decides."""
    try:
        number = UUID(value).int
    except ValueError:
        return value
    return [*choices, value][number % (len(choices) + 1)]
