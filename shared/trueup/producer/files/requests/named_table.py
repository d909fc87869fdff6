"""A table whose header names fields."""

from collections.abc import Collection, Sequence
from typing import cast, get_args

from trueup.limits import IDEMPOTENCY_KEY_CHARS_MAX
from trueup.producer.files.columns.csv_columns import (
    KEYS,
    Column,
    Form,
    UnknownColumn,
    column_named,
    encode_text,
    form_of,
    missing_columns,
    named_twice,
)
from trueup.producer.files.columns.numbers import NumberColumn, NumberMarks
from trueup.producer.files.mapping.layout import Layouts, Leaf
from trueup.producer.files.mapping.lookup import Wanted
from trueup.producer.files.row import Row
from trueup.wire.message.envelope import CommitKind, Kind


class WrongColumns(Exception):
    """The header names columns that no request has, or lacks some."""


class NamedTable:
    """The meaning of a table by its header's names; as `trueup.producer.files.requests.meaning.Meaning`.

    Args:
        names: of the columns.
        kind: of rows without a `kind` cell.
        marks: how numbers are written.

    Raises:
        WrongColumns: a name is unknown, stands twice, or is missing.
    """

    def __init__(self, names: Sequence[str], kind: Kind, *, marks: NumberMarks) -> None:
        self._kind = kind
        columns = _columns(names, kind)
        self._encoders = [marks.encode if each.numeric else each.encode for each in columns]
        leaves = [Leaf(each.paths, each.detail, constant=None, may_be_filled=True) for each in columns]
        self._layouts = Layouts(lambda _: leaves)
        self._own = {name: names.index(name) for name in form_of(kind).row_columns if name in names}
        self._key = names.index("uniqueness_key") if "uniqueness_key" in names else None
        self._customer = names.index("customer_id") if "customer_id" in names else None
        self.numeric = [NumberColumn(index, names[index]) for index, each in enumerate(columns) if each.numeric]
        used_once = "transaction_id" if kind == "usage" else "uniqueness_key"
        self.key_columns: Sequence[int] = [names.index(used_once)] if used_once in names else []
        self.columns: Collection[int] = range(len(names))
        self.skip_columns: Collection[int] = ()
        self.keys = [(index, name) for index, name in enumerate(names) if name in KEYS]

    def is_skipped(self, cells: Sequence[str]) -> bool:  # noqa: ARG002
        """Leave no record out."""
        return False

    def told_of_skipped(self) -> Sequence[str]:
        """Nothing: no record is left out."""
        return ()

    def is_keyless(self, cells: Sequence[str]) -> bool:
        """Tell whether a record makes a commit without a uniqueness key."""
        return self._kind != "usage" and (self._key is None or not cells[self._key])

    def wanted(self, cells: Sequence[str]) -> Sequence[Wanted]:  # noqa: ARG002
        """Nothing: ids stand in the cells."""
        return ()

    def names(self, cells: Sequence[str]) -> tuple[str | None, str | None]:
        """The customer and the key of a record that makes no request."""
        customer = cells[self._customer] if self._customer is not None else None
        return customer, next((cells[index] for index in self.key_columns), None)

    def row(self, number: int, cells: Sequence[str], record: bytes) -> Row:
        """The request that a record makes."""
        values = [encode(cell) if cell else None for encode, cell in zip(self._encoders, cells, strict=True)]
        own = {name: cells[at] for name, at in self._own.items() if cells[at]}
        if own and _usable(own):
            for name in own:
                values[self._own[name]] = None
        else:
            own = {}  # they stay in the body, where they are refused by name
        return Row(
            number,
            cast("Kind", own.get("kind", self._kind)),
            own.get("idempotency_key"),
            *self._layouts.content(values),
            keyless=self.is_keyless(cells),
            record=record,
        )


def _usable(own: dict[str, str]) -> bool:
    kind, key = own.get("kind", "commit"), own.get("idempotency_key", "-")
    return kind in get_args(CommitKind) and len(key) <= IDEMPOTENCY_KEY_CHARS_MAX and "\0" not in key


def _columns(names: Sequence[str], kind: Kind) -> list[Column]:
    columns, unknown = [], []
    form = form_of(kind)
    for column in names:
        try:
            columns.append(_column(column, form))
        except UnknownColumn as error:
            unknown.append(str(error))
    problems = {
        "unknown columns": unknown,
        "columns named twice": named_twice(names, columns) if not unknown else [],
        "missing columns": _missing(names, columns, kind) if not unknown else [],
    }
    told = "; ".join(f"{what}: {', '.join(which)}" for what, which in problems.items() if which)
    if told:
        mapped = "; a table with columns of its own takes a mapping, as `trueup mapping suggest` begins one"
        raise WrongColumns(
            f"{told}. The first line must name the columns; trueup/producer/README.md lists them"
            f"{mapped if unknown else ''}"
        )
    return columns


def _column(name: str, form: Form) -> Column:
    if not name:
        return Column((), encode_text, detail=True)
    return Column(((name,),), encode_text) if name in form.row_columns else column_named(name, form)


def _missing(names: Sequence[str], columns: Sequence[Column], kind: Kind) -> list[str]:
    without_type = kind == "credit" or "kind" in names
    return [column for column in missing_columns(columns, form_of(kind)) if not (column == "type" and without_type)]
