"""Lines of a table that fits a terminal. Ids, numbers and dates are never split; text wraps at words.

Where a table is wider than the terminal: columns without any value are left out, then text wraps, to no less than
`TEXT_CHARS_MIN`, then columns go under their rows as `name value`: those of ids, then the others, each time the
rightmost. Nothing is lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rich.cells import cell_len

TEXT_CHARS_MIN = 20
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as it is shown; only text wraps, only amounts and numbers stand to the right."""

    text: str
    wraps: bool = False
    right: bool = False
    is_id: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its cells, from top to bottom; `width` is what it was given, in characters of the terminal."""

    header: str
    cells: Sequence[Cell]
    width: int = 0

    @property
    def right(self) -> bool:
        """Tell whether its values stand to the right."""
        return any(cell.right for cell in self.cells) and all(cell.right or not cell.text for cell in self.cells)

    @property
    def has_ids(self) -> bool:
        """Tell whether its values are ids."""
        return any(cell.is_id for cell in self.cells)

    @property
    def natural(self) -> int:
        """Width when nothing wraps."""
        return max([cell_len(self.header), *(_widest(cell.text.split("\n")) for cell in self.cells)])

    @property
    def least(self) -> int:
        """Width that it must have at least."""
        wrapping = [cell for cell in self.cells if cell.wraps]
        kept = [_widest(cell.text.split("\n")) for cell in self.cells if not cell.wraps]
        words = [_widest(cell.text.split()) for cell in wrapping]
        least = max([_widest(self.header.split()), *kept, *words])
        return max(least, min(self.natural, TEXT_CHARS_MIN)) if wrapping else least


def table_lines(columns: Sequence[Column], *, width: int | None) -> tuple[list[str], list[str]]:
    """The head of a table, and its rows, as lines.

    Args:
        columns: all of the same number of cells.
        width: of the terminal; None: nobody looks, so that nothing wraps and a row is a line.
    """
    shown, below = _fitted(columns, width)
    head = [_joined(shown, parts) for parts in _side_by_side([_wrapped(each.header, each.width) for each in shown])]
    return head, [line for row in range(len(columns[0].cells)) for line in _row(shown, below, row, width)]


def wrapped(text: str, width: int | None) -> list[str]:
    """The lines of a text, broken at words only: a word that is longer than a line stays whole."""
    return text.split("\n") if width is None else _wrapped(text, width)


def _fitted(columns: Sequence[Column], width: int | None) -> tuple[list[Column], list[Column]]:
    """The columns that stand side by side, with their widths, and those under the rows."""
    whole = [replace(column, width=column.natural) for column in columns]
    if width is None or _total([column.width for column in whole]) <= width:
        return whole, []
    shown = [column for column in columns if any(cell.text for cell in column.cells)] or list(columns)
    while len(shown) > 1 and _total([column.least for column in shown]) > width:
        shown.remove(next((column for column in reversed(shown) if column.has_ids), shown[-1]))
    return _widened(shown, width), [column for column in columns if column not in shown]


def _widened(columns: Sequence[Column], width: int) -> list[Column]:
    """Give what is left of the width to the columns that lack some, the least needy first."""
    spare = max(width - _total([column.least for column in columns]), 0)
    given = {}
    needy = sorted(range(len(columns)), key=lambda index: columns[index].natural - columns[index].least)
    for served, index in enumerate(needy):
        more = min(columns[index].natural - columns[index].least, spare // (len(needy) - served))
        given[index] = columns[index].least + more
        spare -= more
    return [replace(column, width=given[index]) for index, column in enumerate(columns)]


def _row(shown: Sequence[Column], below: Sequence[Column], row: int, width: int | None) -> Iterator[str]:
    cells = [_wrapped_cell(column.cells[row], column.width) for column in shown]
    yield from (_joined(shown, parts) for parts in _side_by_side(cells))
    pairs = [f"{column.header} {column.cells[row].text}" for column in below if column.cells[row].text]
    yield from _folded(pairs, width)


def _folded(pairs: Sequence[str], width: int | None) -> Iterator[str]:
    """As many `name value` to a line as fit, indented; a long one wraps."""
    line = ""
    for pair in pairs:
        if line and width is not None and cell_len(line + _GAP + pair) > width:
            yield line
            line = ""
        if width is not None and cell_len(_GAP * 2 + pair) > width:
            yield from (_GAP * (2 if first == 0 else 3) + part for first, part in enumerate(_wrapped(pair, width - 6)))
        else:
            line = f"{line}{_GAP if line else _GAP * 2}{pair}"
    if line:
        yield line


def _side_by_side(cells: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    return zip_longest(*cells, fillvalue="")


def _joined(columns: Sequence[Column], parts: Sequence[str]) -> str:
    padded = (_padded(part, column.width, right=column.right) for column, part in zip(columns, parts, strict=True))
    return _GAP.join(padded).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def _wrapped_cell(cell: Cell, width: int) -> list[str]:
    return _wrapped(cell.text, width) if cell.wraps else cell.text.split("\n")


def _wrapped(text: str, width: int) -> list[str]:
    return [line for part in text.split("\n") for line in _broken(part, width)]


def _broken(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most this width, where its words allow that; spaces within a line stay."""
    line = ""
    for number, word in enumerate(text.split(" ")):
        if number and line and cell_len(f"{line} {word}") > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if number else word
    yield line


def _widest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
