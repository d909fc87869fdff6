"""From the text of a body to the validated body, or to everything that is wrong with it."""

import re
from collections.abc import Callable
from typing import Any

import jiter
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator, core_schema

from trueup.limits import BODY_BYTES_MAX
from trueup.wire.message.envelope import Kind
from trueup.wire.problems import Problem, pointer
from trueup.wire.request.body import MAP_FIELDS, Body, CommitRequest, CreditRequest
from trueup.wire.request.rules import INVALID, judge
from trueup.wire.request.usage import UsageRequest, judge_usage
from trueup.wire.values import PATTERN_CODES

# A valid body has 6 levels. One more lets a list in place of an innermost text be called a wrong type.
_DEPTH_MAX = 7

ADAPTERS: dict[Kind, TypeAdapter[Any]] = {
    "commit": TypeAdapter(CommitRequest),
    "credit": TypeAdapter(CreditRequest),
    "usage": TypeAdapter(UsageRequest),
}
_JUDGES: dict[Kind, Callable[[Any], list[Problem]]] = {"commit": judge, "credit": judge, "usage": judge_usage}

_STRUCTURE_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "dict_type": "wrong_type",
    "list_type": "wrong_type",
    "string_type": "wrong_type",
    "bool_type": "wrong_type",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "too_short": "empty_schedule",
    "too_long": "too_many_items",
}
_EXPECTED = {"dict_type": "an object", "list_type": "a list", "string_type": "a string", "bool_type": "true or false"}
_KEY_MARK = "[key]"  # pydantic's last part of the place of a map's key

# A text, closed or not (so that the search never turns back), or a number.
_TEXT_OR_NUMBER = re.compile(
    rb'"(?:[^"\\]|\\.)*+"?|(?P<sign>-?)(?P<integer>0|[1-9][0-9]*+)(?:\.(?P<fraction>[0-9]++))?'
    rb"(?:[eE](?P<exponent>[+-]?[0-9]++))?",
    re.DOTALL,
)
_EXPONENT_CHARS_MAX = 6  # more than the digits of a body can make up for


def read_body(text: bytes | str, kind: Kind) -> Body | list[Problem]:
    """Read and judge a body.

    Args:
        text: the body's own text, in UTF-8 if bytes.
        kind: which fields it may have.

    Returns:
        The validated body (numbers `Decimal`, times aware in UTC, UUIDs in lower case, enums in upper case), or all its
        problems. Size, JSON syntax and depth are judged first, each alone; then every field and every rule.
    """
    document = decode(text)
    if isinstance(document, Problem):
        return [document]
    try:
        body: Body = _STRICT[kind].validate_python(document)
    except ValidationError as error:
        return _problems(document, kind, error)
    return _JUDGES[kind](body) or body


def decode(text: bytes | str) -> dict[str, Any] | Problem:
    """The JSON object in the text, or the one problem that says why there is none."""
    try:
        raw = text if isinstance(text, bytes) else text.encode()
        if len(raw) > BODY_BYTES_MAX:
            return Problem.of("body_too_large", path="")
        document = _parse(raw)
    except UnicodeEncodeError:
        return Problem.of("json_invalid", path="", detail="it holds a lone surrogate")
    except ValueError as error:
        if "recursion limit" in str(error):
            return Problem.of("too_deep", path="")
        return Problem.of("json_invalid", path="", detail=error)
    if isinstance(document, dict):
        return document
    return Problem.of("too_deep" if _depth(document) > _DEPTH_MAX else "not_an_object", path="")


def _parse(raw: bytes) -> Any:
    """Decode JSON exactly: numbers are int or Decimal; of a field that is given twice the last counts.

    Raises:
        ValueError: this is no JSON, or it is nested too deep for the decoder.
    """
    try:
        return _parse_json(raw)
    except ValueError as error:
        try:
            return _parse_json(_TEXT_OR_NUMBER.sub(_behind_the_point, raw))
        except ValueError:
            raise error from None


def _parse_json(raw: bytes) -> Any:
    return jiter.from_json(raw, float_mode="decimal", allow_inf_nan=False)


def _behind_the_point(match: re.Match[bytes]) -> bytes:
    """Spell a number so that the decoder can hold it: it refuses 4,300 digits before the point, and huge exponents."""
    sign, integer, fraction, exponent = match.groups(default=b"")
    if not integer:
        return match[0]
    size = exponent.lstrip(b"+-0")
    shift = int(size or b"0") if len(size) <= _EXPONENT_CHARS_MAX else 10**_EXPONENT_CHARS_MAX
    return b"%b0.%b%be%d" % (sign, integer, fraction, len(integer) + (-shift if exponent.startswith(b"-") else shift))


def _depth(value: object) -> int:
    """Levels of nesting; the decoder has bounded them."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _problems(document: dict[str, Any], kind: Kind, error: ValidationError) -> list[Problem]:
    if _depth(document) > _DEPTH_MAX:
        return [Problem.of("too_deep", path="")]
    fields = [field_problem(details) for details in error.errors(include_url=False)]
    return fields + _JUDGES[kind](_TOLERANT[kind].validate_python(document))


def field_problem(error: ErrorDetails) -> Problem:
    """Problem for a finding of pydantic's, under our code and path."""
    kind, place, details = error["type"], error["loc"], error.get("ctx", {})
    if place[-1] == _KEY_MARK and place[-3:-2] and place[-3] in MAP_FIELDS:
        place = place[:-1]
    if error["input"] is None and kind != "extra_forbidden" and _is_field(place):
        code = "missing"
    elif kind == "string_pattern_mismatch":
        code = PATTERN_CODES[details["pattern"]]
    else:
        code = _STRUCTURE_CODES.get(kind, kind)
    return Problem.of(code, path=pointer(place), **{"expected": _EXPECTED.get(kind), **details})


def _is_field(place: tuple[str | int, ...]) -> bool:
    """Tell whether this is the place of a declared field, and not of an entry of a list or a map."""
    return isinstance(place[-1], str) and not (place[-2:-1] and place[-2] in MAP_FIELDS)


def _tolerant(schema: Any) -> Any:
    """The same schema, but whatever is not valid, or required and not there, becomes `INVALID`."""
    if schema["type"] == "nullable":  # which is how optional fields are declared: left out, they stay out
        return {**schema, "schema": _tolerant(schema["schema"])}
    inner = dict(schema)
    if schema["type"] == "typed-dict":
        inner["extra_behavior"] = "ignore"
        inner["fields"] = {
            name: {**field, "required": False, "schema": _tolerant(field["schema"])}
            for name, field in schema["fields"].items()
        }
    elif schema["type"] == "list":
        inner["items_schema"] = _tolerant(schema["items_schema"])
    return core_schema.with_default_schema(inner, default=INVALID, on_error="default")


_STRICT = {kind: adapter.validator for kind, adapter in ADAPTERS.items()}
_TOLERANT = {kind: SchemaValidator(_tolerant(adapter.core_schema)) for kind, adapter in ADAPTERS.items()}
