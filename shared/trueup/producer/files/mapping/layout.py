"""Layouts of bodies: the text around the values, made once for each set of fields that rows fill."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec

from trueup.limits import BODY_BYTES_MAX
from trueup.producer.files.columns.csv_columns import FieldPath, with_lists
from trueup.wire.message.packing import Content, content_of

_LAYOUTS_MAX = 1_024
_BYTES_PER_CHAR_MAX = 4
_MAPS = frozenset({"custom_fields", "pricing_group_values", "presentation_group_values"})
_MARK = "\0"  # no JSON text has it


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a body.

    Attributes:
        paths: where it stands.
        detail: only where a row has the object around it.
        constant: its JSON where no cell fills it. A constant makes no schedule, and no item of one, that cells fill in
            other rows.
        may_be_filled: cells fill it in some rows.
    """

    paths: tuple[FieldPath, ...]
    detail: bool
    constant: str | None
    may_be_filled: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of a body.

    Attributes:
        pieces: every second one is the place of a value.
        pick: gives the values that stand there.
    """

    pieces: list[str]
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]

    def body(self, values: Sequence[str | None]) -> str:
        """The body with these values."""
        pieces = self.pieces.copy()
        pieces[1::2] = self.pick(values)
        return "".join(pieces)


class Layouts:
    """The layouts of a table's bodies: each is made for the first record that fills its fields, and kept.

    Args:
        leaves_where: the leaves of bodies in which these of them are filled.
    """

    def __init__(self, leaves_where: Callable[[Sequence[bool]], Sequence[Leaf]]) -> None:
        self._leaves_where = leaves_where
        self._layouts: dict[tuple[bool, ...], Layout] = {}

    def content(self, values: Sequence[str | None]) -> Content:
        """Body as it travels with these values, each as JSON; None: nothing fills the field."""
        filled = tuple([value is not None for value in values])
        layout = self._layouts.get(filled)
        if layout is None:
            layout = layout_of(self._leaves_where(filled), filled)
            if len(self._layouts) >= _LAYOUTS_MAX:
                self._layouts.clear()
            self._layouts[filled] = layout
        text = layout.body(values)
        if len(text) * _BYTES_PER_CHAR_MAX > BODY_BYTES_MAX:
            return content_of(text)
        return text, False, None


def layout_of(leaves: Sequence[Leaf], filled: Sequence[bool]) -> Layout:
    """The layout of the rows that fill these leaves.

    Args:
        leaves: of the mapping, in order.
        filled: which of them have a cell with content.
    """
    body: dict[Any, Any] = {}
    by_cells = {
        path
        for leaf, is_filled in zip(leaves, filled, strict=True)
        if is_filled and not leaf.detail
        for path in leaf.paths
    }
    may_be_filled = {
        path[:length]
        for leaf in leaves
        if leaf.may_be_filled and not leaf.detail
        for path in leaf.paths
        for length in range(1, len(path))
    }
    is_filled_below = {path[:length] for path in by_cells for length in range(1, len(path))}
    for index, (leaf, is_filled) in enumerate(zip(leaves, filled, strict=True)):
        if leaf.detail or not (is_filled or leaf.constant is not None):
            continue
        for path in leaf.paths:
            above = _container(path, may_be_filled)
            if is_filled or above is None or above in is_filled_below:
                _put(body, path, _slot(index, leaf, is_filled=is_filled))
    for index, (leaf, is_filled) in enumerate(zip(leaves, filled, strict=True)):
        if leaf.detail and (is_filled or leaf.constant is not None):
            for path in leaf.paths:
                if isinstance(body.get(path[0]), dict):
                    _put(body, path, _slot(index, leaf, is_filled=is_filled))
    pieces = msgspec.json.encode(with_lists(body)).decode().split(_MARK)
    return Layout(pieces, _picker([int(piece) for piece in pieces[1::2]]))


def _container(path: FieldPath, may_be_filled: set[FieldPath]) -> FieldPath | None:
    """The innermost object around a path that cells fill; a map of texts is none."""
    for length in range(len(path) - 1, 0, -1):
        if path[:length] in may_be_filled and path[length - 1] not in _MAPS:
            return path[:length]
    return None


def _slot(index: int, leaf: Leaf, *, is_filled: bool) -> bytes:
    if is_filled or leaf.constant is None:
        return f"{_MARK}{index}{_MARK}".encode()
    return leaf.constant.encode()


def _put(body: dict[Any, Any], path: FieldPath, value: bytes) -> None:
    for part in path[:-1]:
        body = body.setdefault(part, {})
    body[path[-1]] = msgspec.Raw(value)


def _picker(order: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(order) > 1:
        return itemgetter(*order)
    return lambda values: tuple(values[index] for index in order)
