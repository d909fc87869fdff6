"""Columns of a CSV file: a header cell is a dotted path into the body, or short for one.

    customer_id,type,access_amount,invoice_schedule.schedule_items.1.amount,custom_fields.region,…

The paths and the types of their cells are those of `trueup.wire.request.body`. A cell is written as follows:

    * empty: the field is absent; an item of which every cell is empty is absent too, and the next takes its place;
    * number: as in JSON (1250.50), with every digit kept; anything else becomes a string, which is refused by its path;
    * true or false, in any case;
    * list: as JSON (["a", "b"]), or separated by semicolons (a;b);
    * object, or list of objects (`specifiers`): as JSON;
    * `custom_fields.<name>`: that custom field; `kind` and `idempotency_key`: the row's own.

A file of usage has the fields of `trueup.wire.request.usage`, and neither short names nor columns of the row's own.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from json.encoder import encode_basestring
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

from trueup.producer.files.columns.numbers import encode_number
from trueup.wire.message.envelope import Kind
from trueup.wire.message.packing import is_json
from trueup.wire.request.body import CommitRequest
from trueup.wire.request.usage import UsageRequest

FieldPath = tuple[str | int, ...]
Encode = Callable[[str], str]

encode_text: Encode = encode_basestring

_ACCESS, _INVOICE = "access_schedule.schedule_items.0", "invoice_schedule.schedule_items.0"
SHORT_NAMES = {
    "access_amount": f"{_ACCESS}.amount",
    "access_starting_at": f"{_ACCESS}.starting_at",
    "access_ending_before": f"{_ACCESS}.ending_before",
    "access_type": "access_schedule.access_type",
    "invoice_timestamp": f"{_INVOICE}.timestamp",
    "invoice_amount": f"{_INVOICE}.amount",
    "invoice_unit_price": f"{_INVOICE}.unit_price",
    "invoice_quantity": f"{_INVOICE}.quantity",
}
# Details of a schedule, for rows that have it: a unit alone must not turn a complimentary commit into a broken one.
SCHEDULE_DETAILS = {
    "credit_type_id": ("access_schedule.credit_type_id", "invoice_schedule.credit_type_id"),
    "do_not_invoice": ("invoice_schedule.do_not_invoice",),
}
ROW_COLUMNS = ("kind", "idempotency_key")
KEYS = frozenset({"uniqueness_key", "transaction_id", "idempotency_key"})


class UnknownColumn(Exception):
    """No field of a request has this name."""


@dataclass(frozen=True, slots=True)
class Form:
    """Columns that a file of one kind may have.

    Attributes:
        body: the type of the body that they fill.
        short_names: other names of some paths.
        details: columns that fill these paths only where a row has the object above.
        row_columns: what belongs to the row and not to its body.
    """

    body: Any
    short_names: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    row_columns: tuple[str, ...] = ()


COMMITS = Form(CommitRequest, SHORT_NAMES, SCHEDULE_DETAILS, ROW_COLUMNS)
USAGE = Form(UsageRequest)


def form_of(kind: Kind) -> Form:
    """Columns that a file of this kind may have."""
    return USAGE if kind == "usage" else COMMITS


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the place in the body that its cells fill, and how they are read.

    Attributes:
        paths: the fields that it fills.
        encode: makes JSON of a cell.
        detail: fills them only in rows that have the schedule.
        leaf: the type of the fields.
    """

    paths: tuple[FieldPath, ...]
    encode: Encode
    detail: bool = False
    leaf: Any = str

    @property
    def numeric(self) -> bool:
        """Tell whether its cells are numbers."""
        return self.leaf is Decimal


def column_named(name: str, form: Form = COMMITS) -> Column:
    """The meaning of a header cell.

    Raises:
        UnknownColumn: no field of a request has this name; the message suggests one.
    """
    dotted = form.details.get(name) or (form.short_names.get(name, name),)
    try:
        fields = [_field_at(form.body, path.split(".")) for path in dotted]
    except KeyError:
        near = difflib.get_close_matches(name, known_columns(form), n=1)
        raise UnknownColumn(f"{name!r} (did you mean {near[0]!r}?)" if near else repr(name)) from None
    leaf = fields[0][1]
    paths = tuple(path for path, _ in fields)
    return Column(paths, _encoding(leaf), detail=name in form.details, leaf=leaf)


def names_field(name: str, form: Form = COMMITS) -> bool:
    """Tell whether this is a header cell of this form."""
    if name in form.row_columns:
        return True
    try:
        column_named(name, form)
    except UnknownColumn:
        return False
    return True


def is_single(name: str) -> bool:
    """Tell whether a field of a request or of usage has this name, and none stands below it."""
    for form in (COMMITS, USAGE):
        if name in form.row_columns:
            return True
        with suppress(UnknownColumn):
            leaf = column_named(name, form).leaf
            return not (get_origin(leaf) is dict or any(is_typeddict(each) for each in (leaf, *get_args(leaf))))
    return False


def known_columns(form: Form = COMMITS) -> list[str]:
    """The names that a header may have; an index 0 stands for any index, `<name>` for any name."""
    dotted = (".".join(map(str, path)) for path in _leaves(form.body))
    return [*form.row_columns, *form.short_names, *form.details, *dotted]


def missing_columns(columns: Sequence[Column], form: Form = COMMITS) -> list[str]:
    """The fields that every request has, and that none of these columns fills."""
    filled = {_first_items(path) for column in columns for path in column.paths}
    short = {long: name for name, long in form.short_names.items()}
    missing = []
    for path in _leaves(form.body, required=True):
        if not any(path[:length] in filled for length in range(1, len(path) + 1)):
            dotted = ".".join(map(str, path))
            missing.append(short.get(dotted, dotted))
    return missing


def named_twice(names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The columns that fill what another one fills too, or a part of it."""
    times = Counter(path[:length] for column in columns for path in column.paths for length in range(1, len(path) + 1))
    whole = Counter(path for column in columns for path in column.paths)
    return [
        name
        for name, column in zip(names, columns, strict=True)
        if any(times[path] > 1 or any(whole[path[:length]] for length in range(1, len(path))) for path in column.paths)
    ]


def with_lists(node: Any) -> Any:
    """Turn what is indexed by numbers into lists, in their order and without gaps."""
    if not isinstance(node, dict):
        return node
    if any(isinstance(key, int) for key in node):
        return [with_lists(node[index]) for index in sorted(node)]
    return {key: with_lists(child) for key, child in node.items()}


def _first_items(path: FieldPath) -> FieldPath:
    return tuple(0 if isinstance(part, int) else part for part in path)


def _field_at(kind: Any, parts: Sequence[str]) -> tuple[FieldPath, Any]:
    """The path and the type of the field that a dotted path names; KeyError when there is none."""
    if not parts:
        return (), kind
    part, rest = parts[0], parts[1:]
    if is_typeddict(kind):
        path, leaf = _field_at(_fields_of(kind)[part], rest)
        return (part, *path), leaf
    if get_origin(kind) is dict and all(parts):
        return (".".join(parts),), str
    if get_origin(kind) is list and is_typeddict(get_args(kind)[0]) and part.isascii() and part.isdecimal():
        path, leaf = _field_at(get_args(kind)[0], rest)
        return (int(part), *path), leaf
    raise KeyError(part)


def _leaves(kind: Any, *, required: bool = False) -> Iterator[FieldPath]:
    """The paths of all fields below a type, or of all that must be there, with index 0 for lists."""
    if is_typeddict(kind):
        for name, part in _fields_of(kind).items():
            if not required or name in kind.__required_keys__:
                yield from ((name, *path) for path in _leaves(part, required=required))
    elif get_origin(kind) is list and is_typeddict(get_args(kind)[0]):
        yield from ((0, *path) for path in _leaves(get_args(kind)[0], required=required))
    elif get_origin(kind) is dict:
        yield ("<name>",)
    else:
        yield ()


def _fields_of(kind: Any) -> dict[str, Any]:
    return {name: _without_none(part) for name, part in get_type_hints(kind).items()}


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    return kind


def _encoding(kind: Any) -> Encode:
    if kind is Decimal:
        return encode_number
    if kind is bool:
        return _boolean
    if get_origin(kind) is list and not is_typeddict(get_args(kind)[0]):
        return _list
    if get_origin(kind) in (list, dict) or is_typeddict(kind):
        return _json
    return encode_text


def _boolean(cell: str) -> str:
    word = cell.strip().lower()
    return word if word in ("true", "false") else encode_text(cell)


def _list(cell: str) -> str:
    if cell.lstrip().startswith("["):
        return _json(cell)
    return f"[{','.join(encode_text(entry.strip()) for entry in cell.split(';') if entry.strip())}]"


def _json(cell: str) -> str:
    return cell.strip() if is_json(cell) else encode_text(cell)
