"""The OpenAPI document: what FastAPI reads out of the routes, and what it cannot know."""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from trueup.wire.message.envelope import CommitKind, Kind
from trueup.wire.request.changes import Edit, EndDate
from trueup.wire.schema import schemas
from trueup_worker.gateway.answers.examples import COMMIT, CREDIT, CUSTOMER, REQUEST, USAGE_LINE
from trueup_worker.gateway.callers.scopes import SCOPES
from trueup_worker.gateway.http.answer import Answer, encode
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.schema.answer_schemas import REFERENCE, about, answer_schemas
from trueup_worker.gateway.schema.refusals import REFUSALS

Json = dict[str, Any]
Responses = dict[int | str, Json]

_ABOUT = """\
Commit requests become exactly one commit each, or an answer that says what is wrong with them.
Metronome's SDKs work against this address. Every call but the health checks needs `Authorization: Bearer <token>`;
each names the scope that its token must have. Numbers are exact: read them as decimals.
"""
_PREFIX: dict[Kind, str] = {"commit": "CommitRequest", "credit": "CreditRequest", "usage": "UsageLine"}
_COMMIT_KINDS: tuple[CommitKind, ...] = get_args(CommitKind)
_ALWAYS = ("400", "401", "403", "429", "500", "503")
_WITH_BODY = ("408", "413", "415")


def answers(example: Answer, status: int = 200) -> Responses:
    """What a call is answered with: an object of the class of the example."""
    described, _ = about(type(example))
    told = {"schema": {"$ref": REFERENCE.format(name=type(example).__name__)}, "example": _as_json(example)}
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


def describe(app: FastAPI) -> None:
    """Lets the application tell our document; it is made once."""
    app.openapi = cache(lambda: _document(app))  # type: ignore[method-assign]


def _document(app: FastAPI) -> Json:
    document = get_openapi(title="Trueup", version="1", description=_ABOUT, routes=app.routes)
    components = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    components |= answer_schemas()
    for kind in _PREFIX:
        components.update(_request_schemas(kind))
    for changed in _COMMIT_KINDS:
        components.update(_change_schemas(changed))
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for route in (each for each in app.routes if isinstance(each, APIRoute) and each.include_in_schema):
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["responses"] = {str(status): told for status, told in route.responses.items()}
            _complete(operation, components, scope=SCOPES[method, route.path_format])
    return document


def _complete(operation: Json, components: Json, *, scope: str) -> None:
    """Adds scope and errors to a call, and says what it does in place of its function's name."""
    operation["summary"] = re.split(r"[.:;]\s", operation["description"], maxsplit=1)[0].rstrip(".")
    responses = operation["responses"]
    if scope == "public":
        operation["security"] = []
        return
    _exemplify(operation, components)
    operation["security"] = [{"token": []}]
    operation["x-scope"] = scope
    statuses = {*_ALWAYS, "404"} | (set(_WITH_BODY) if "requestBody" in operation else set())
    for status in sorted(statuses | set(operation.pop("x-refusals", ()))):
        responses[status] = _refused(*REFUSALS[status])


def _refused(described: str, refusals: Iterable[Refusal]) -> Json:
    examples = {each.body.code: {"value": _as_json(each.body)} for each in refusals}
    content = {"schema": {"$ref": REFERENCE.format(name="Error")}, "examples": examples}
    return {"description": described, "content": {"application/json": content}}


def _exemplify(operation: Json, components: Json) -> None:
    """Adds the example of its schema to a body that has none."""
    for body in operation.get("requestBody", {}).get("content", {}).values():
        examples = components.get(_name_of(body["schema"]), {}).get("examples")
        if examples:
            body.setdefault("example", examples[0])


def _as_json(answer: Answer) -> Any:
    return json.loads(encode(answer))


def _name_of(schema: Json) -> str:
    """The name of the schema that is meant; empty where it has none."""
    named = (each["$ref"] for each in (schema, *schema.get("anyOf", ())) if "$ref" in each)
    return str(next(named, "")).rsplit("/", 1)[-1]


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
