"""Text of a suggested mapping: TOML, with what was recognised from what as comments."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trueup.producer.files.mapping.open_points import OPEN
from trueup.producer.files.suggestion.suggested import Suggested, counted, quoted

_WIDTH = 120
_NAMED_MAX = 60  # columns that are named as not used
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def mapping_text(
    name: str, *, rows: int, suggested: Sequence[Suggested], unused: Sequence[str], repeated: Sequence[str]
) -> str:
    """The text of a mapping.

    Args:
        name: of the file that it is for.
        rows: how many were looked at.
        suggested: fields, and rows that are left out.
        unused: columns of which nothing is made.
        repeated: names of columns that stand more than once in the header.
    """
    return "\n".join(_lines(name, rows, suggested, unused, repeated)) + "\n"


def _lines(
    name: str, rows: int, suggested: Sequence[Suggested], unused: Sequence[str], repeated: Sequence[str]
) -> Iterable[str]:
    fields = [each for each in suggested if each.field != "skip"]
    skips = [each for each in suggested if each.field == "skip"]
    count = sum(each.is_open for each in suggested)
    still = f"{counted(count, 'open point')}: look for TODO. Until it is decided, nothing is sent." if count else ""
    made = f"A mapping for {quoted(name, chars_max=80)}, made from its header and {counted(rows, 'row')}."
    yield from _comment(f"{made} {still or 'Nothing is open.'}")
    yield from _comment(
        "See what it makes of the file, before anything is sent: trueup ingest FILE --mapping THIS --dry-run"
    )
    yield ""
    yield "[fields]"
    for each in fields:
        yield from _comment(("TODO, open: " if each.is_open else "") + each.why)
        yield f"{each.field} = {_source(each.source)}"
        yield ""
    for each in skips:
        yield from _comment(("TODO, open: " if each.is_open else "Left out: ") + each.why)
        yield "[[skip]]"
        yield from (f"{_key(key)} = {_value(value)}" for key, value in each.source.items())
        yield ""
    if repeated:
        yield from _comment(
            f"Columns whose name stands more than once, so that no field can be made of them: {_names(repeated)}"
        )
    if unused:
        yield from _comment(f"Columns of which nothing is made: {_names(unused)}")
        yield from _comment('To keep one with the commit: "custom_fields.region" = "Region", under [fields]')


def _names(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - _NAMED_MAX} more" if len(columns) > _NAMED_MAX else ""
    return ", ".join(map(quoted, columns[:_NAMED_MAX])) + more


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 2, break_on_hyphens=False)]


def _source(source: Mapping[str, Any]) -> str:
    """Source of a field, as short as a mapping allows."""
    (key, value), *others = source.items()
    is_text = isinstance(value, str)
    is_plain = key == "template" or (key == "value" and not is_text) or (key == "column" and not set("{}") & set(value))
    return _value(source if others or not is_plain or (is_text and value.startswith(OPEN)) else value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _text(value) if isinstance(value, str) else str(value)


def _key(name: str) -> str:
    return name if name and set(name) <= _BARE else _text(name)


def _text(text: str) -> str:
    """A basic string; what a terminal could obey is escaped."""
    quoted_text = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted_text)
