"""Every route has a scope, and the document says all that there is to say about it."""

import json
import re
from typing import Any

import jiter
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from jsonschema_rs import Draft202012Validator

from tests.integration.intake import settings_of
from trueup.store.accounts.tokens import SCOPES as TOKEN_SCOPES
from trueup.wire.events import EVENT_TYPES
from trueup_worker.exports.catalogue import EXPORTS
from trueup_worker.gateway.app import make_app
from trueup_worker.gateway.callers.scopes import PUBLIC, SCOPES, NoScope
from trueup_worker.gateway.calls.guarded_route import GuardedRoute
from trueup_worker.gateway.docs.readers import REDOC, SWAGGER_UI, reader_file
from trueup_worker.gateway.http.answer import Answer
from trueup_worker.gateway.schema.answer_schemas import about, kinds_below
from trueup_worker.gateway.schema.bodies import account, catalog, commits, invoices, parked, webhooks
from trueup_worker.gateway.schema.bodies.body import Body

ROWS = "/v1/exports/{name}"  # answers with CSV or JSON lines
PAGES = ("/docs", "/docs/{name}", "/openapi.json", "/redoc")
# Repeated here on purpose: who adds or changes a route says so twice.
EXPECTED = """
    GET  /docs                                    public
    GET  /docs/{name}                             public
    GET  /healthz                                 public
    GET  /livez                                   public
    GET  /openapi.json                            public
    GET  /readyz                                  public
    GET  /redoc                                   public
    GET  /v1/batches/{batch_id}                   read
    GET  /v1/batches                              read
    GET  /v1/commits                              read
    GET  /v1/commits/list                         read
    GET  /v1/invoices                             read
    GET  /v1/products/list                        read
    GET  /v1/requests                             read
    GET  /v1/commits/{commit_id}                  read
    GET  /v1/contracts/list                       read
    GET  /v1/customers                            read
    GET  /v1/customers/list                       read
    GET  /v1/customers/{customer_id}              read
    GET  /v1/requests/{request_id}                read
    GET  /v1/customers/{customer_id}/invoices     read
    GET  /v1/customers/{customer_id}/invoices/{invoice_id}   read
    GET  /v1/customers/{customer_id}/invoices/{invoice_id}/html   read
    GET  /v1/customers/{customer_id}/invoices/{invoice_id}/pdf    read
    POST /v1/invoices/void                        operate
    POST /v1/invoices/regenerate                  operate
    POST /v1/invoices/mark                        operate
    POST /v1/invoices/unmark                      operate
    POST /v1/usage                                usage:write
    POST /v1/usage/batch                          usage:write
    GET  /v1/parked                               operate
    POST /v1/parked/replay                        operate
    GET  /v1/events                               read
    POST /v1/webhooks   operate
    GET /v1/webhooks   read
    GET /v1/webhooks/{webhook_id}   read
    PATCH /v1/webhooks/{webhook_id}   operate
    DELETE /v1/webhooks/{webhook_id}   operate
    POST /v1/webhooks/{webhook_id}/rotate   operate
    POST /v1/webhooks/{webhook_id}/test   operate
    POST /v1/webhooks/{webhook_id}/resend   operate
    GET /v1/webhooks/{webhook_id}/deliveries   read
    GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}   read
    GET /v1/alerts   read
    PUT /v1/alerts/{kind}   operate
    DELETE /v1/alerts/{kind}   operate
    GET /v1/seller   read
    PATCH /v1/seller   operate
    GET /v1/customers/{customer_id}/billing   read
    PATCH /v1/customers/{customer_id}/billing   operate
    GET /v1/months   read
    POST /v1/months/close   operate
    GET  /v1/exports/{name}                       read
    POST /v1/batches                              commits:write
    POST /v1/commits/validate                     read
    POST /v1/contract-pricing/products/create     operate
    POST /v1/contract-pricing/products/get        read
    POST /v1/contract-pricing/products/list       read
    POST /v1/contracts/create                     operate
    POST /v1/contracts/customerBalances/getNetBalance  read
    POST /v1/contracts/customerBalances/list      read
    POST /v1/contracts/customerCommits/create     commits:write
    POST /v1/contracts/customerCommits/list       read
    POST /v1/contracts/customerCredits/create     commits:write
    POST /v1/contracts/customerCredits/list       read
    POST /v1/contracts/get                        read
    POST /v1/contracts/list                       read
    POST /v1/customers                            operate
    POST /v1/contracts/customerCommits/updateEndDate   operate
    POST /v1/contracts/customerCredits/updateEndDate   operate
    POST /v1/contracts/addManualBalanceLedgerEntry     operate
    POST /v1/contracts/commits/disableTrueup           operate
    POST /v2/contracts/commits/archive                 operate
    POST /v2/contracts/credits/archive                 operate
    POST /v2/contracts/commits/edit                    operate
    POST /v2/contracts/credits/edit                    operate
"""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application, not running."""
    return make_app(settings_of())


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of every route."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) == len(app.routes), "a route that is not guarded"
    assert all(isinstance(route, GuardedRoute) for route in routes)
    return {(method, route.path_format) for route in routes for method in route.methods or ()}


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The document's calls by method and path."""
    paths = document["paths"].items()
    return {(method.upper(), path): call for path, methods in paths for method, call in methods.items()}


def check(document: dict[str, Any], schema: dict[str, Any], example: Any) -> None:
    """Raises where a schema of the document does not take an example."""
    Draft202012Validator(schema | {"components": document["components"]}, validate_formats=True).validate(example)


def test_every_route_has_its_scope(app: FastAPI) -> None:
    """The table has every route, and no other; each scope is one that a token can have."""
    expected = {(method, path): scope for method, path, scope in map(str.split, EXPECTED.strip().splitlines())}
    assert expected == SCOPES
    assert routes_of(app) == SCOPES.keys()
    assert set(SCOPES.values()) <= {*TOKEN_SCOPES, PUBLIC}


def test_a_route_without_a_scope_cannot_be_made() -> None:
    """Nobody forgets to decide who may call it."""
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(NoScope):
        router.get("/v1/forgotten")(lambda: None)


def test_the_document_has_every_call(app: FastAPI) -> None:
    """Each with its scope, its refusals with examples, and a schema that is there."""
    document = app.openapi()
    calls = operations(document)
    assert calls.keys() | {("GET", path) for path in PAGES} == SCOPES.keys()
    for (method, path), call in calls.items():
        scope = SCOPES[method, path]
        assert call.get("x-scope", PUBLIC) == scope
        assert "422" not in call["responses"]
        if scope != PUBLIC:
            assert {"400", "401", "403", "404", "429", "500", "503"} <= call["responses"].keys()
            refusals = [refusal for status, refusal in call["responses"].items() if status >= "4"]
            assert all(each["content"]["application/json"]["examples"] for each in refusals)
    text = json.dumps(document)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= document["components"]["schemas"].keys()


def test_every_body_has_an_example(app: FastAPI) -> None:
    """One that the call's own schema takes, exactly."""
    document = app.openapi()
    contents = [call["requestBody"]["content"] for call in operations(document).values() if "requestBody" in call]
    for told in (content["application/json"] for content in contents if "application/json" in content):
        check(document, told["schema"], told["example"])


def test_every_class_of_bodies_has_an_example() -> None:
    """One that the class itself takes."""
    named = [
        each for module in (account, catalog, commits, invoices, parked, webhooks) for each in vars(module).values()
    ]
    kinds = [each for each in named if isinstance(each, type) and issubclass(each, Body)]
    for kind in kinds:
        for example in kind.model_config.get("json_schema_extra", {}).get("examples", ()):
            kind.model_validate(jiter.from_json(json.dumps(example).encode(), float_mode="decimal"))


def test_every_answer_has_an_example(app: FastAPI) -> None:
    """Of every status that is no refusal: one that its own schema takes. Documents are no JSON, and have none."""
    document = app.openapi()
    for (method, path), call in operations(document).items():
        if path == ROWS or path.endswith(("/html", "/pdf")):
            continue
        answers = {status: each["content"]["application/json"] for status, each in call["responses"].items()}
        told = [each for each in answers.values() if "Error" not in each["schema"]["$ref"]]
        assert told, f"{method} {path} has no answer"
        for each in told:
            check(document, each["schema"], each["example"])


def test_every_event_has_its_schema(app: FastAPI) -> None:
    """Each type of event, with an example that its own schema takes, whose object is told as calls tell it."""
    document = app.openapi()
    assert list(document["webhooks"]) == list(EVENT_TYPES)
    for event, methods in document["webhooks"].items():
        told = methods["post"]["requestBody"]["content"]["application/json"]
        check(document, told["schema"], told["example"])
        assert told["example"]["type"] == event
        assert ("object" in told["example"]["data"]) == (event != "usage.late")


def test_every_export_is_named(app: FastAPI) -> None:
    """By the call that gives it."""
    (told,) = [call["description"] for (_, path), call in operations(app.openapi()).items() if path == ROWS]
    assert re.findall(r"`([a-z-]+)`", told.partition("Exports:")[2].partition(".")[0]) == list(EXPORTS)


def test_every_refusal_has_an_example(app: FastAPI) -> None:
    """One that the schema of errors takes."""
    document = app.openapi()
    for call in operations(document).values():
        for answer in (each["content"].get("application/json", {}) for each in call["responses"].values()):
            for example in answer.get("examples", {}).values():
                check(document, answer["schema"], example["value"])


def test_every_field_that_is_described_is_there() -> None:
    """What a docstring says under Attributes is said of a field."""
    for kind in kinds_below(Answer):
        _, fields = about(kind)
        assert fields.keys() <= set(kind.__struct_fields__), kind


def test_the_pages_load_what_is_here() -> None:
    """Each file that a page names is served, by a relative address, and no page names a host."""
    for page in (SWAGGER_UI, REDOC):
        loaded = re.findall(r'(?:href|src)="([^"]+)"', page)
        assert all(reader_file(each.removeprefix("docs/"))[0] for each in loaded)
        assert all(each.startswith("docs/") for each in loaded)


def test_files_outside_the_list_are_not_served() -> None:
    """A name is looked up in a list, not in a folder."""
    for name in ("readers.py", "../__init__.py", "swagger-ui.css.map", ""):
        with pytest.raises(KeyError):
            reader_file(name)
