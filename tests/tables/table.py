"""Plain-text tables that an accountant can review: a title, a header, a rule, one case a line."""

from pathlib import Path

Row = dict[str, str]


def read_table(name: str) -> list[Row]:
    """The cases of a table, by the names in its header; what stands before the header is for people."""
    lines = [line for line in (Path(__file__).parent / name).read_text().splitlines() if "|" in line]
    header, *cases = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [dict(zip(header, case, strict=True)) for case in cases]
