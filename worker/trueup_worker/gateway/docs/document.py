"""The OpenAPI document: what FastAPI reads out of the routes, and what it cannot know."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.callers.scopes import SCOPES
from trueup_worker.gateway.docs.event_schemas import event_components, event_operations
from trueup_worker.gateway.docs.readable import readable
from trueup_worker.gateway.docs.samples import ExampleCall, samples_of
from trueup_worker.gateway.http.refusals import Refusal
from trueup_worker.gateway.schema.answer_schemas import REFERENCE, answer_schemas
from trueup_worker.gateway.schema.openapi import as_json, components_of_requests
from trueup_worker.gateway.schema.refusals import REFUSALS

Json = dict[str, Any]

_ABOUT = """\
Commit requests become exactly one commit each, or an answer that says what is wrong with them.
Metronome's SDKs work against this address. Every call but the health checks needs `Authorization: Bearer <token>`;
each names the scope that its token must have. Numbers are exact: read them as decimals.

[Try the calls](docs) · [read and search all of this](redoc) · [openapi.json](openapi.json)
"""
_PARAMETERS = {
    "batch_id": str(examples.BATCH),
    "commit_id": str(examples.COMMIT),
    "customer_id": str(examples.CUSTOMER),
    "invoice_id": str(examples.INVOICE),
    "kind": "used_percent",
    "name": "invoices",
    "request_id": str(examples.COMMIT),
    "uniqueness_key": examples.UNIQUENESS_KEY,
    "delivery_id": str(examples.EVENT),
    "webhook_id": str(examples.WEBHOOK),
}
_ALWAYS = ("400", "401", "403", "429", "500", "503")
_WITH_BODY = ("408", "413", "415")


def describe(app: FastAPI, *, url: str) -> None:
    """Let the application tell our document, with code samples for the gateway at `url`; it is made once."""
    app.openapi = cache(lambda: _document(app, url))  # type: ignore[method-assign]


def _document(app: FastAPI, url: str) -> Json:
    document = get_openapi(title="Trueup", version="1", description=_ABOUT, routes=app.routes)
    components = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    bodies = {name: each.pop("examples")[0] for name, each in components.items() if "examples" in each}
    components |= answer_schemas() | components_of_requests() | event_components()
    document["components"]["schemas"] = readable(components)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for route in (each for each in app.routes if isinstance(each, APIRoute) and each.include_in_schema):
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["responses"] = {str(status): told for status, told in route.responses.items()}
            _complete(operation, bodies, scope=SCOPES[method, route.path_format])
            call = ExampleCall.of(method, route.path_format, operation)
            operation["x-codeSamples"] = samples_of(call, url=url)
    document["webhooks"] = event_operations()
    return document


def _complete(operation: Json, bodies: Mapping[str, Json], *, scope: str) -> None:
    """Add scope and errors to a call, and says what it does in place of its function's name."""
    operation["summary"] = re.split(r"[.:;]\s", operation["description"], maxsplit=1)[0].rstrip(".").replace("`", "")
    responses = operation["responses"]
    if scope == "public":
        operation["security"] = []
        return
    _exemplify(operation, bodies)
    operation["security"] = [{"token": []}]
    operation["x-scope"] = scope
    operation["description"] += f"\n\nScope: `{scope}`."
    statuses = {*_ALWAYS, "404"} | (set(_WITH_BODY) if "requestBody" in operation else set())
    for status in sorted(statuses | set(operation.pop("x-refusals", ()))):
        responses[status] = _refused(*REFUSALS[status])


def _refused(described: str, refusals: Iterable[Refusal]) -> Json:
    examples = {each.body.code: {"value": as_json(each.body)} for each in refusals}
    content = {"schema": {"$ref": REFERENCE.format(name="Error")}, "examples": examples}
    return {"description": described, "content": {"application/json": content}}


def _exemplify(operation: Json, bodies: Mapping[str, Json]) -> None:
    """Add examples to required parameters, and that of its class to a body that has none."""
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = readable(parameter["schema"])
        if parameter.get("required"):
            parameter["example"] = _PARAMETERS[parameter["name"]]
    for body in operation.get("requestBody", {}).get("content", {}).values():
        example = bodies.get(_name_of(body["schema"]))
        if example is not None:
            body.setdefault("example", example)


def _name_of(schema: Json) -> str:
    """The name of the schema that is meant; empty where it has none."""
    named = (each["$ref"] for each in (schema, *schema.get("anyOf", ())) if "$ref" in each)
    return str(next(named, "")).rsplit("/", 1)[-1]
