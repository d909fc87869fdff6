"""Footers: what reports write below their tables, and that is no record of them."""

import re
from collections.abc import Sequence

_BEGINNING = re.compile(
    r"""(?:
        (?:(?:grand|sub|overall)[\s-]*)?(?:totals?|summar(?:y|ies))\b
        | (?:gesamt|zwischen)?summe\b | gesamt\b | totaux\b
        | copyright\b | \(c\)\s | ©
        | confidential\b
        | (?:report\s+)?(?:generated|exported|printed|created|run)\s+(?:by|on|at)\b
        | end\s+of\s+(?:report|file|data)\b
        | (?:total\s+)?(?:number\s+of\s+)?(?:records|rows)\s*:
        | \d+\s+(?:records?|rows?)\b
        | page\s+\d
        | filtered\s+by\b | sorted\s+by\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_TOLD_MAX = 5
_CELLS_MIN = 3  # no record of such a table has one cell alone


class Footers:
    """Lines below one table that belong to the report around it: each has one cell.

    The first one is known by its words; below it, every line of one cell is one: the name of a company, say.

    Args:
        width: how many cells the header has.
    """

    def __init__(self, width: int) -> None:
        self._is_wide = width >= _CELLS_MIN
        self.count = 0
        self.first: list[str] = []

    def has(self, cells: Sequence[str]) -> bool:
        """Tell whether a line of these cells is a footer, and count it."""
        filled = [cell for cell in cells if cell]
        if not self._is_wide or len(filled) != 1 or not (self.count or begins_footer(filled[0])):
            return False
        self.count += 1
        self.first += filled if len(self.first) < _TOLD_MAX else []
        return True


def begins_footer(cell: str) -> bool:
    """Tell whether words such as a report's footers begin with stand in a cell."""
    return bool(_BEGINNING.match(cell))
