"""Output to stdout: JSON for programs, tables for people. Nothing else in the command writes there."""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from itertools import chain
from typing import Any
from uuid import UUID

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trueup.domain.money import plain_text
from trueup.errors import ExitCode

Record = dict[str, Any]

_WIDE_CHARS = 10_000  # where nobody looks, nothing is cut or wrapped


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


def emit_table(columns: Sequence[str], rows: Iterable[object], *, title: str | None = None) -> None:
    """Print a table of values or records; a column shows the member of the same name."""
    on_terminal = sys.stdout.isatty()
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD if on_terminal else None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(member(row, column)) for column in columns))
    _render(table, on_terminal=on_terminal)


def emit_record(value: object, *, title: str | None = None) -> None:
    """Print one value or record, a member a line; members that are lists of such become tables below it."""
    record = _members(value)
    plain = {name: each for name, each in record.items() if not _is_table(each) and each is not None}
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, each in plain.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), _cell(each, justify="left"))
    _render(table, on_terminal=sys.stdout.isatty())
    for name, rows in record.items():
        if _is_table(rows):
            columns = [column for column in _members(rows[0]) if any(member(row, column) is not None for row in rows)]
            emit_table(columns, rows, title=f"\n{name.replace('_', ' ')}")


def as_printed(line: Record) -> Record:
    """A line for people: a quantity that was rounded says so."""
    rest = {name: value for name, value in line.items() if name != "is_rounded"}
    return rest | {"quantity": f"{plain_text(line['quantity'])} (rounded)"} if line.get("is_rounded") else rest


def as_text(value: Any) -> str:
    """A value as people read it: amounts with every digit, times in UTC."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain_text(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case list() | tuple() | dict():
            return _joined(value)
    return str(value)


def _joined(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(entry, str | UUID) for entry in value):
        return ", ".join(map(str, value))
    return to_json(value).decode()


def _cell(value: Any, *, justify: str = "right") -> Text:
    return Text(as_text(value), justify=justify if isinstance(value, Decimal | int) else "left")  # type: ignore[arg-type]


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else record_of(value, (field.name for field in fields(value)))


def _is_table(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and (isinstance(value[0], Mapping) or is_dataclass(value[0]))


def _render(table: Table, *, on_terminal: bool) -> None:
    """Print it as wide as the terminal, or as its longest words need: an id is never broken."""
    drawn = StringIO()
    console = Console(file=drawn, width=_WIDE_CHARS, force_terminal=on_terminal, highlight=False)
    if on_terminal:
        console.width = max(shutil.get_terminal_size().columns, console.measure(table).minimum)
    console.print(table)
    lines = (line.rstrip() for line in drawn.getvalue().splitlines())
    emit(("\n".join(lines) + "\n").encode(errors="replace"))


def _json_form(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain_text(value).encode())
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    raise TypeError(f"{type(value).__name__} has no JSON form")
