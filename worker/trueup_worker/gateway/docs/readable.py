"""Schemas in an equal form of which readers show types and bounds at a glance."""

from typing import Any

from trueup.wire.values import TIMESTAMP_PATTERN, UUID_PATTERN

_FORMATS = {UUID_PATTERN: "uuid", TIMESTAMP_PATTERN: "date-time"}


def readable(schema: Any) -> Any:
    """The schema, or part of one, with `null` among the types where it was an alternative, and formats by name."""
    match schema:
        case {"anyOf": [{"type": str(kind)} as value, {"type": "null"}], **rest} if "const" not in value:
            choices = {"enum": [*value["enum"], None]} if "enum" in value else {}
            return readable({**value, **rest, **choices, "type": [kind, "null"]})
        case {"pattern": str(pattern), **rest} if pattern in _FORMATS and "format" not in rest:
            return readable({**schema, "format": _FORMATS[pattern]})
        case {**members}:
            return {name: readable(member) for name, member in members.items()}
        case [*items]:
            return [readable(item) for item in items]
        case _:
            return schema
