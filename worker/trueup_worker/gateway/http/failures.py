"""From whatever a call raised to its answer."""

from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as RouterException
from starlette.routing import Match

from trueup.errors import TrueupError
from trueup.wire.problems import CODES, Problem, pointer
from trueup.wire.values import PATTERN_CODES
from trueup_worker.gateway.http.encoding import refused
from trueup_worker.gateway.http.refusals import Refusal, defect, invalid, not_found, refusal_of
from trueup_worker.gateway.limits import PATH_CHARS_MAX

log = structlog.get_logger()

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "uuid_parsing": "not_a_uuid",
    "uuid_type": "not_a_uuid",
    "literal_error": "not_an_enum_value",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "too_long": "too_many_items",
    "model_attributes_type": "not_an_object",
}
# What a value of the wrong type must be, by what pydantic found; types with words of their own say it themselves.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "string_type": "a string",
}


def answer_failures(app: FastAPI) -> None:
    """Let every failure be told in the one form of errors."""
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(RouterException, _on_refusal)
    app.add_exception_handler(HTTPException, _on_refusal)
    app.add_exception_handler(TrueupError, _on_error)
    app.add_exception_handler(Exception, _on_defect)


async def _on_refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return refused(error)
    assert isinstance(error, RouterException)
    method, path = request.method, request.scope["path"][:PATH_CHARS_MAX]
    if error.status_code == 405:
        others = ", ".join(sorted(_methods(request)))
        message = f"Trueup does not serve {method} {path}, but {others}"
        return refused(Refusal(405, "not_found", message, headers={"allow": others}))
    if error.status_code == 404:
        return refused(not_found(f"Trueup does not serve {method} {path}: /docs lists what it serves"))
    return refused(Refusal(error.status_code, "invalid_request", str(error.detail), headers=error.headers))


def _methods(request: Request) -> set[str]:
    """Methods of a path: each is a route of its own, and the router knows of the first only."""
    found = (route for route in request.app.router.routes if route.matches(request.scope)[0] != Match.NONE)
    return {method for route in found for method in route.methods}


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return refused(invalid([_problem(each) for each in error.errors()]))


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, TrueupError)
    return refused(refusal_of(error))


async def _on_defect(request: Request, error: Exception) -> Response:
    log.error("a defect", action="defect", path=request.scope["path"][:PATH_CHARS_MAX], exc_info=error)
    return refused(defect(request.scope["state"]["request_id"]))


def _problem(error: dict[str, Any]) -> Problem:
    """Problem for a finding of pydantic's, under our code and path."""
    place, kind = error["loc"][1:], error["type"]
    code = kind if kind in CODES else _CODES.get(kind, "wrong_type")
    if kind == "string_pattern_mismatch":
        code = PATTERN_CODES.get(error["ctx"]["pattern"], code)
    if kind.startswith(("datetime", "timezone")):
        code = "not_a_timestamp"
    details = error.get("ctx", {})
    if kind == "wrong_type":
        return Problem(pointer(place), code, error["msg"])
    if kind in _EXPECTED:
        details = {"expected": _EXPECTED[kind].format_map(details)}
    return Problem.of(code, path=pointer(place), **details)
