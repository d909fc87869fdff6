"""Tables on terminals of any width: ids, numbers and dates stay whole, text wraps at words, nothing is lost."""

import re

import pytest
from rich.cells import cell_len

from trueup_worker.cli.terminal.layout import Cell, Column, table_lines, wrapped

ID = "9f762292-4738-8dd9-8000-00011e2cc782"
DATE = "2030-01-01T00:00:00Z"
NAME = "Minimum spend for the first quarter of the year 2030, renewed"
COLUMNS = [
    Column("number", [Cell("7", right=True), Cell("12", right=True)]),
    Column("issued at", [Cell(DATE), Cell(DATE)]),
    Column("customer", [Cell("Birch Media", wraps=True), Cell("東京広告", wraps=True)]),
    Column("name", [Cell(NAME, wraps=True), Cell("Bonus", wraps=True)]),
    Column("amount due", [Cell("12,000.00 USD", right=True), Cell("0.00 USD", right=True)]),
    Column("held", [Cell("", wraps=True), Cell("", wraps=True)]),
    Column("id", [Cell(ID), Cell(ID)]),
]


def drawn(width: int | None) -> str:
    """The table as one text."""
    head, rows = table_lines(COLUMNS, width=width)
    return "\n".join([*head, *rows])


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_fits_and_splits_no_value(width: int) -> None:
    """Each line fits, and each id, date and amount is found whole, as is each word of the text."""
    text = drawn(width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert (text.count(ID), text.count(DATE), text.count("12,000.00 USD")) == (2, 2, 1)
    assert set(NAME.split()) <= set(text.split())


def test_empty_columns_are_left_out_first_then_the_last_ones_go_below() -> None:
    """At 120 characters only the empty column is missing and the text wraps; at 80 the id stands under its row."""
    assert drawn(120).splitlines()[0].split() == ["number", "issued", "at", "customer", "name", "amount", "due", "id"]
    assert "held" in drawn(200)
    narrow = drawn(80).splitlines()
    assert narrow[0].split() == ["number", "issued", "at", "customer", "name", "amount", "due"]
    assert narrow[-1] == f"    id {ID}"


def test_nobody_looks() -> None:
    """Where stdout is no terminal a row is a line, however long, with all columns."""
    head, rows = table_lines(COLUMNS, width=None)
    assert len(head) == 1
    assert len(rows) == 2
    assert "held" in head[0]
    assert re.search(rf"{NAME} +12,000.00 USD +{ID}$", rows[0])


def test_amounts_stand_to_the_right_of_their_column() -> None:
    """Points of amounts are below each other, wide characters counted as two."""
    _, rows = table_lines(COLUMNS, width=None)
    assert {cell_len(row[: row.index(" USD")]) for row in rows} == {cell_len(rows[0][: rows[0].index(" USD")])}


def test_a_word_longer_than_the_terminal_stays_whole() -> None:
    """A key without spaces is not broken, so that it can be copied."""
    assert wrapped(f"see {ID * 3} there", 40) == ["see", ID * 3, "there"]
    assert table_lines([Column("key", [Cell(ID * 3, wraps=True)])], width=40)[1] == [ID * 3]
