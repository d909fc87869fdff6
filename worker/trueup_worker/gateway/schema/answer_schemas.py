"""The schemas of answers: what msgspec reads out of the classes, and what their docstrings say."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from msgspec.json import schema_components

from trueup_worker.gateway.http.answer import Answer, Page

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
_NULL = {"type": "null"}
_FIELD = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def answer_schemas() -> dict[str, Json]:
    """The schemas of all answers, by the names of their classes."""
    kinds = [kind for kind in kinds_below(Answer) if kind is not Page]
    _, schemas = schema_components(kinds, ref_template=REFERENCE)
    for kind in kinds:
        _describe(schemas[kind.__name__], kind)
    return {name: _as_encoded(schema) for name, schema in schemas.items()}


def kinds_below(kind: type[Answer]) -> Iterator[type[Answer]]:
    """Every class that is derived from this one."""
    for each in kind.__subclasses__():
        yield each
        yield from kinds_below(each)


def about(kind: type[Answer]) -> tuple[str, dict[str, str]]:
    """Description of a class and its fields, from its docstring."""
    text, _, fields = (inspect.getdoc(kind) or "").partition("\n\nAttributes:\n")
    return text, {name: re.sub(r"\s+", " ", told) for name, told in _FIELD.findall(fields)}


def _describe(schema: Json, kind: type[Answer]) -> None:
    schema["description"], fields = about(kind)
    for name, told in fields.items():
        schema["properties"][name] = {**schema["properties"][name], "description": told}


def _as_encoded(schema: Any) -> Any:
    """The schema of what is sent: a decimal is a number, and what is left out when it is null is never null."""
    if isinstance(schema, list):
        return [_as_encoded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _as_encoded(each) for name, each in schema.items()}
    if told.get("format") == "decimal":
        told["type"] = "number"
    if all(isinstance(each, str) for each in told.get("enum", [None])):
        told["type"] = "string"
    if "default" in told and told["default"] is None:
        del told["default"]
        kinds = [each for each in told.pop("anyOf", ()) if each != _NULL]
        told |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return told
