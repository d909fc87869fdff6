"""Output to stdout: JSON for programs, tables for people. Nothing else in the command writes there."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import orjson
import typer
from rich.cells import cell_len

from trueup.domain.money import plain_text
from trueup.domain.money_text import Money
from trueup.errors import ExitCode
from trueup_worker.cli.terminal.account_format import account_format
from trueup_worker.cli.terminal.layout import TEXT_CHARS_MIN, Cell, Column, table_lines, wrapped

Record = dict[str, Any]

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != ord("\n")}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


def emit(text: bytes) -> None:
    """Write to stdout, at once; ends quietly when its reader has gone away."""
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.PIPE_CLOSED) from None


def say(text: str) -> None:
    """Tell the user something that is not data, on stderr."""
    typer.echo(text, err=True)


def to_json(value: Any) -> bytes:
    """One JSON document on one line: exact numbers, times in UTC with Z."""
    return orjson.dumps(value, default=_json_form, option=orjson.OPT_UTC_Z)


def emit_json(value: Any) -> None:
    """Print one JSON document."""
    emit(to_json(value) + b"\n")


def emit_json_list(records: Iterable[Any]) -> None:
    """Print a JSON array, an entry a line, with flat memory."""
    separators = chain([b"[\n"], iter(lambda: b",\n", None))
    empty = True
    for separator, record in zip(separators, records, strict=False):
        emit(separator + to_json(record))
        empty = False
    emit(b"[]\n" if empty else b"\n]\n")


def record_of(value: object, names: Iterable[str]) -> Record:
    """Record of these members of a value, in this order: what JSON tells of it."""
    return {name: getattr(value, name) for name in names}


def member(row: object, name: str) -> Any:
    """The member of a value, or the entry of a record; None where it has none of this name."""
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def emit_table(
    columns: Sequence[str], rows: Iterable[object], *, title: str | None = None, nothing: str | None = "nothing found"
) -> None:
    """Print a table of values or records; a column shows the member of the same name.

    Args:
        columns: from the most to the least important: where the terminal is narrow, the last ones go under their rows.
        rows: where there are none, nothing is printed, and stderr says so.
        title: stands above.
        nothing: how it is said that there are none; None: the caller says it.
    """
    shown = list(rows)
    if shown:
        _print_table([_column(name, shown) for name in columns], title)
    elif nothing is not None:
        say(nothing)


def emit_record(value: object, *, title: str | None = None) -> None:
    """Print one value or record, a member a line; members that are lists of such become tables below it."""
    record = members(value)
    plain = {name: each for name, each in record.items() if not _is_table(each) and each not in (None, [], ())}
    _print([*_title(title), *_member_lines({name.replace("_", " "): as_text(each) for name, each in plain.items()})])
    for name, rows in record.items():
        if _is_table(rows):
            columns = [column for column in members(rows[0]) if any(member(row, column) is not None for row in rows)]
            emit_table(columns, rows, title=f"\n{name.replace('_', ' ')}")


def as_printed(line: Record) -> Record:
    """A line for people: a quantity that was rounded says so."""
    rest = {name: value for name, value in line.items() if name != "is_rounded"}
    return rest | {"quantity": f"{plain_text(line['quantity'])} (rounded)"} if line.get("is_rounded") else rest


def as_text(value: Any) -> str:
    """A value as people read it: amounts with every digit, times in UTC; nothing in it can steer a terminal."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case Money():
            text = account_format.text(value)
        case Decimal():
            text = plain_text(value)
        case datetime():
            text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case list() | tuple() | dict():
            text = _joined(value)
        case _:
            text = str(value)
    return text.translate(_CONTROLS)


def _joined(value: Any) -> str:
    """Names and values, or values alone, with commas; with semicolons where they hold more of that kind."""
    named = isinstance(value, dict)
    parts = [f"{name} {as_text(each)}" for name, each in value.items()] if named else map(as_text, value)
    nested = any(isinstance(each, list | tuple | dict) for each in (value.values() if named else value))
    return ("; " if nested else ", ").join(parts)


def _column(name: str, rows: Iterable[object]) -> Column:
    return Column(name.replace("_", " "), [_cell(member(row, name)) for row in rows])


def _cell(value: Any) -> Cell:
    text = as_text(value)
    return Cell(
        text,
        wraps=isinstance(value, str | list | tuple | dict),
        right=isinstance(value, Money | Decimal | int) and not isinstance(value, bool),
        is_id=_ID.fullmatch(text) is not None,
    )


def members(value: Any) -> Mapping[str, Any]:
    """A value's members, or a record as it is."""
    return value if isinstance(value, Mapping) else record_of(value, (field.name for field in fields(value)))


def _is_table(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and (isinstance(value[0], Mapping) or is_dataclass(value[0]))


def _print_table(columns: Sequence[Column], title: str | None) -> None:
    width = _width()
    head, rows = table_lines(columns, width=width)
    rule = [] if width is None else ["\u2500" * min(width, max(map(cell_len, [*head, *rows])))]
    _print([*_title(title), *map(_bold, head), *rule, *rows])


def _member_lines(texts: Mapping[str, str]) -> Iterator[str]:
    width, names = _width(), max(map(len, texts), default=0)
    for name, text in texts.items():
        for number, line in enumerate(wrapped(text, width and max(width - names - 2, TEXT_CHARS_MIN))):
            yield f"{' ' * names if number else _bold(name.ljust(names))}  {line}".rstrip()


def _title(title: str | None) -> list[str]:
    return [] if title is None else title.split("\n")


def _width() -> int | None:
    """The terminal's width; None where stdout is none, and nothing is to be wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _bold(text: str) -> str:
    return f"{_BOLD}{text}{_PLAIN}" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def _print(lines: Iterable[str]) -> None:
    emit("".join(f"{line}\n" for line in lines).encode(errors="replace"))


def _json_form(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain_text(value).encode())
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    raise TypeError(f"{type(value).__name__} has no JSON form")
