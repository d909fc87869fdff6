"""Names of columns, in a header and wherever they are spoken of."""

import re

_BREAK = re.compile(r"\s*[\r\n]\s*")


def column_name(cell: str) -> str:
    """The name in a header's cell: a line break, as spreadsheets put into narrow columns, is a space."""
    return _BREAK.sub(" ", cell.strip())
