"""The JSON Schemas of what travels, made from the types: `python -m trueup.wire.schema` writes them to `schemas/`.

They are for producers in other languages. What they cannot say (exact digits, real dates, bytes, rules across fields)
is judged by `read.read_body` alone.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from pydantic.json_schema import GenerateJsonSchema

from trueup.limits import ENVELOPE_REQUESTS_MAX
from trueup.wire.message.envelope import Meta, RequestEntry
from trueup.wire.message.names import TASK_CREATE, TASK_RECORD
from trueup.wire.request.read import ADAPTERS

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file."""
    bodies = {
        f"{kind}-request.schema.json": _DIALECT | adapter.json_schema(schema_generator=_Untitled)
        for kind, adapter in ADAPTERS.items()
    }
    return {
        **bodies,
        "envelope.schema.json": _envelope(TASK_CREATE, _entry()),
        "usage-envelope.schema.json": _envelope(TASK_RECORD, _usage_entry()),
    }


def texts() -> dict[str, str]:
    """Every file's text by its name."""
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas().items()}


def _envelope(task: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        **_DIALECT,
        "title": "Envelope",
        "description": f"The two arguments of the task {task}; each travels as JSON text.",
        "type": "object",
        "properties": {
            "meta": _meta(),
            "requests": {
                "type": "array",
                "minItems": 1,
                "maxItems": ENVELOPE_REQUESTS_MAX,
                "items": entry,
            },
        },
        "required": ["meta", "requests"],
        "additionalProperties": False,
    }


def _meta() -> dict[str, Any]:
    meta = Meta.model_json_schema(schema_generator=_Untitled)
    return {**meta, "required": ["v", *meta["required"]]}  # asked for before the rest is read


def _entry() -> dict[str, Any]:
    """A request: its body follows its kind, unless it is a row that is no JSON and travels raw."""
    is_credit = {"properties": {"kind": {"const": "credit"}}, "required": ["kind"]}
    return {
        **_plain_entry(),
        "if": is_credit,
        "then": {"properties": {"body": {"$ref": "credit-request.schema.json"}}},
        "else": {"properties": {"body": {"$ref": "commit-request.schema.json"}}},
    }


def _usage_entry() -> dict[str, Any]:
    """A line: it has no kind, and its `transaction_id` does what an idempotency key would."""
    entry = _plain_entry()
    fields = {name: each for name, each in entry["properties"].items() if name not in ("kind", "idempotency_key")}
    return {**entry, "properties": fields | {"body": {"$ref": "usage-request.schema.json"}}}


def _plain_entry() -> dict[str, Any]:
    (entry,) = msgspec.json.schema_components([RequestEntry])[1].values()
    entry = json.loads(
        json.dumps(entry).replace(r'"\\A', '"^').replace(r'\\Z"', '$"')
    )  # Python's anchors are no one else's
    return {**entry, "oneOf": [{"required": ["body"]}, {"required": ["raw"]}]}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
