"""Reading of a mapping: TOML, whose every mistake is told with its key and the cure."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trueup.limits import MAPPING_BYTES_MAX
from trueup.producer.files.columns.csv_columns import is_single
from trueup.producer.files.mapping.model import Dates, FieldSource, Numbers, Skip, TableMapping, source_keys
from trueup.producer.files.mapping.open_points import require_decided
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.shown import shown

_PROBLEMS_MAX = 20
_DOTS_MAX = 16
# A name as TOML takes it apart: its parser takes time and memory by the square of the dots. It never goes back.
_DOTTED = re.compile(
    rb"""(?>[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')(?:[ \t]*+\.[ \t]*+(?>[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+'))*+"""
)
_SECTIONS: dict[str, type[BaseModel]] = {"dates": Dates, "numbers": Numbers, "skip": Skip, "fields": FieldSource}


def read_mapping(path: Path) -> TableMapping:
    """Read a mapping's file.

    Raises:
        WrongMapping: it is missing, too large, or no mapping.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAPPING_BYTES_MAX + 1)
    except OSError as error:
        raise WrongMapping(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_mapping(content, name=str(path))


def parse_mapping(content: bytes, *, name: str) -> TableMapping:
    """Parse the content of a mapping's file.

    Args:
        content: TOML in UTF-8.
        name: what the user calls the file.

    Raises:
        WrongMapping: every problem, with its key; or the line where it is no TOML.
    """
    if len(content) > MAPPING_BYTES_MAX:
        raise WrongMapping(f"{name} is larger than {MAPPING_BYTES_MAX // 1024} KiB: keep its tables shorter")
    if any(dotted[0].count(b".") > _DOTS_MAX for dotted in _DOTTED.finditer(content)):
        raise WrongMapping(
            f"{name} is no mapping: it has a name with more than {_DOTS_MAX} dots, and no field is so deep"
        )
    try:
        told = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise WrongMapping(f"{name} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise WrongMapping(f"{name} is no TOML: {error}. Names with spaces or dots stand in quotes") from None
    try:
        require_decided(told, name=name)
        fields = told.get("fields")
        if isinstance(fields, dict):
            told["fields"] = dict(_sources(fields, ""))
        return TableMapping.model_validate(told)
    except RecursionError:
        raise WrongMapping(f"{name} is no mapping: its keys are nested too deep") from None
    except ValidationError as error:
        problems = [*_problems(error.errors(include_url=False))]
        more = f"\n  and {len(problems) - _PROBLEMS_MAX} more" if len(problems) > _PROBLEMS_MAX else ""
        listed = "".join(f"\n  {each}" for each in problems[:_PROBLEMS_MAX])
        raise WrongMapping(f"{name} is no mapping:{listed}{more}") from None


def _sources(fields: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """The fields with their sources, one level deep: TOML takes a name with dots and no quotes apart."""
    known = source_keys()
    for name, told in fields.items():
        field = f"{above}{name}"
        if isinstance(told, dict) and told and not known & told.keys() and not is_single(field):
            yield from _sources(told, f"{field}.")
        else:
            yield field, _source(told)


def _source(told: Any) -> Any:
    """A field's table; a text alone is a column or, with braces, a template, anything else a value."""
    if isinstance(told, dict):
        return told
    if isinstance(told, str):
        return {"template" if "{" in told else "column": told}
    return {"value": told}


def _problems(errors: list[ErrorDetails]) -> Iterator[str]:
    """Problems in words; of a value that is none of the kinds of values one, and not one for each kind."""
    kinds = {where[:-1]: each for each in errors if (where := _where(each))[-1:] == ("bool",)}
    too_long = {_where(each) for each in errors if each["type"] == "string_too_long"}
    for each in errors:
        where = _where(each)
        value = next((where[:length] for length in range(len(where), 0, -1) if where[:length] in kinds), None)
        if value is None or (where == value and value in too_long):
            yield _told(each)
        elif each is kinds[value] and value not in too_long:
            found = shown(str(each["input"]))
            yield f"{'.'.join(value)}: must be a text, a number, true or false, or a date, not {found}"


def _where(error: ErrorDetails) -> tuple[str, ...]:
    hidden = ("function-", "constrained-", "lax-or-")
    return tuple(str(part) for part in error["loc"] if not str(part).startswith(hidden))


def _told(error: ErrorDetails) -> str:
    """A problem of the model, with the key where it is."""
    where = _where(error)
    key = ".".join(where)
    match error["type"]:
        case "mapping":
            return f"{key}: {error['msg']}" if key else error["msg"]
        case "extra_forbidden":
            return f"{key}: there is no such key{_near(where)}"
        case "missing":
            return f"{key}: is needed"
    return f"{key}: {error['msg']}, not {shown(str(error['input']))}"


def _near(where: Sequence[str]) -> str:
    model = _SECTIONS.get(where[0], TableMapping) if len(where) > 1 else TableMapping
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(where[-1][:100], known, n=1)
    return f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
