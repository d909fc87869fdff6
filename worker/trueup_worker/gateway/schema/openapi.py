"""Parts of the OpenAPI document that FastAPI cannot read out of a route: requests, answers, schemas of requests."""

import json
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from trueup.wire.message.envelope import CommitKind, Kind
from trueup.wire.request.changes import Edit, EndDate
from trueup.wire.schema import schemas
from trueup_worker.gateway.answers.examples import COMMIT, CREDIT, CUSTOMER, REQUEST, USAGE_LINE
from trueup_worker.gateway.http.answer import Answer, encode
from trueup_worker.gateway.schema.answer_schemas import REFERENCE, about

Json = dict[str, Any]
Responses = dict[int | str, Json]

_PREFIX: dict[Kind, str] = {"commit": "CommitRequest", "credit": "CreditRequest", "usage": "UsageLine"}
_COMMIT_KINDS: tuple[CommitKind, ...] = get_args(CommitKind)


def answers(example: Answer, status: int = 200) -> Responses:
    """Answer of a call in the document: an object of the class of the example."""
    described, _ = about(type(example))
    told = {"schema": {"$ref": REFERENCE.format(name=type(example).__name__)}, "example": as_json(example)}
    return {status: {"description": described, "content": {"application/json": told}}}


def creates(kind: CommitKind) -> Json:
    """The request of a call that takes a whole commit or credit."""
    example = {name: value for name, value in REQUEST.items() if kind == "commit" or name != "type"}
    body = {"schema": {"$ref": f"#/components/schemas/{_PREFIX[kind]}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": body}}}


def records() -> Json:
    """The request of a call that takes a line of rated usage."""
    body = {"schema": {"$ref": "#/components/schemas/UsageLine"}, "example": USAGE_LINE}
    return {"requestBody": {"required": True, "content": {"application/json": body}}}


def changes(kind: CommitKind, change: Literal["Edit", "EndDate"], **example: Any) -> Json:
    """The request of a call that changes a commit or credit, with an example of what it changes."""
    schema = {"$ref": f"#/components/schemas/{_PREFIX[kind].removesuffix('Request')}{change}"}
    whose = {f"{kind}_id": str(COMMIT if kind == "commit" else CREDIT), "customer_id": str(CUSTOMER)}
    body = {"schema": schema, "example": whose | example}
    return {"requestBody": {"required": True, "content": {"application/json": body}}}


def header(name: str, description: str) -> Json:
    """A header that a call may have."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


PREFER = header("prefer", "`respond-async`: 202 as soon as the request is kept.")


def as_json(answer: Answer) -> Any:
    """An answer as an example in the document."""
    return json.loads(encode(answer))


def components_of_requests() -> Json:
    """The schemas of all requests and changes, by the names that they have in the document."""
    made: Json = {}
    for kind in _PREFIX:
        made |= _request_schemas(kind)
    for changed in _COMMIT_KINDS:
        made |= _change_schemas(changed)
    return made


def _request_schemas(kind: Kind) -> Json:
    """The schema of a request and its parts, under names of their own."""
    prefix = _PREFIX[kind]
    text = json.dumps(schemas()[f"{kind}-request.schema.json"]).replace("#/$defs/", f"#/components/schemas/{prefix}")
    schema = json.loads(text)
    parts = schema.pop("$defs", {})
    schema.pop("$schema", None)
    return {prefix: schema, **{f"{prefix}{name}": part for name, part in parts.items()}}


def _change_schemas(kind: CommitKind) -> Json:
    """The schemas of what changes a commit or credit, which names it by its own field."""
    prefix = _PREFIX[kind].removesuffix("Request")
    name, other = (f"{kind}_id", "credit_id" if kind == "commit" else "commit_id")
    made: Json = {}
    for change, kind_of_change in (("Edit", Edit), ("EndDate", EndDate)):
        text = json.dumps(
            TypeAdapter(kind_of_change).json_schema(ref_template=f"#/components/schemas/{prefix}{{model}}")
        )
        schema = json.loads(text)
        made.update({f"{prefix}{part}": parts for part, parts in schema.pop("$defs", {}).items()})
        properties = schema["properties"]
        properties.pop(other, None)
        properties |= {each: {"type": "string", "format": "uuid"} for each in (name, "customer_id")}
        made[f"{prefix}{change}"] = schema | {"required": [name, "customer_id"]}
    return made
