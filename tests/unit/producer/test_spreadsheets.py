"""What spreadsheets leave in a file."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.producer.files.opening.content import UnreadableInput, open_source
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.producer.files.tables.table import AROUND

CASES = Path(__file__).parents[2] / "data" / "files"
HEADER = "uniqueness_key,customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before"
CELLS = "k,13117714-3f05-48e5-a6e9-a66093f13b4d,PREPAID,1,f14d6729-6a44-4b13-9908-9387f1918790,10,2026-01-01,2027-01-01"

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")
_CELLS = st.text(_CHARACTERS, max_size=12) | st.sampled_from(["a,b;c\td", '"', '""', "two\nlines", ",", "\n"])


def read(path: Path, *, warnings: list[str] | None = None) -> list[Row]:
    """The rows of a file."""
    with open_source(path) as source:
        scanned = scan(source, warn=None if warnings is None else warnings.append)
        found = list(rows(source, scanned=scanned))
    assert scanned.rows == len(found)
    return found


def written(folder: Path, content: str | bytes) -> Path:
    """A CSV file."""
    path = folder / "deals.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@given(
    table=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.sampled_from(["", "\ufeff"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    separator=st.booleans(),
    nameless=st.integers(0, 3),
    broken=st.tuples(st.integers(0, 10), st.sampled_from(["", "\n", "\n\n "])),
    ghosts=st.integers(0, 2),
)
def test_a_table_is_the_same_in_each_dialect(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str, str]],
    delimiter: str,
    end: str,
    bom: str,
    quoting: int,
    separator: bool,
    nameless: int,
    broken: tuple[int, str],
    ghosts: int,
) -> None:
    """Cells are read as they were written, without the spaces around them; a CR in a cell is a line's end.

    A name in the header may end with line breaks, too.
    """
    if end == "\r":
        table = [tuple(cell.replace("\n", " ") for cell in cells) for cells in table]  # type: ignore[misc]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    header = [*HEADER.split(","), "name", "description", "custom_fields.x", *[""] * nameless]
    header[broken[0]] += "" if end == "\r" else broken[1]
    writer.writerow(header)
    for cells in table:
        writer.writerow([*CELLS.split(","), *cells, *[""] * nameless])
        for _ in range(ghosts):
            writer.writerow([""] * (11 + nameless))
    content = bom + (f"sep={delimiter}{end}" if separator else "") + file.getvalue()
    found = [json.loads(row.text) for row in read(written(tmp_path_factory.getbasetemp(), content))]
    stripped = [tuple(cell.strip(AROUND) for cell in cells) for cells in table]
    assert [
        (body.get("name", ""), body.get("description", ""), body.get("custom_fields", {}).get("x", ""))
        for body in found
    ] == stripped


@pytest.mark.parametrize("name", ["09_excel_trailing_columns.csv", "10_excel_ghost_rows.csv"])
def test_what_excel_leaves_is_no_row_and_no_column(name: str) -> None:
    """One row, which has its key."""
    (row,) = read(CASES / name)
    assert (row.number, row.raw, row.keyless) == (1, False, False)


def test_text_under_no_name_is_refused_with_its_column(tmp_path: Path) -> None:
    """Nobody knows what it means; empty cells beyond the header do no harm."""
    warnings: list[str] = []
    named, unnamed = read(written(tmp_path, f"{HEADER},,\n{CELLS},,,,\n{CELLS},,x\n"), warnings=warnings)
    assert (named.raw, unnamed.raw) == (False, True)
    assert warnings == [
        f"{tmp_path}/deals.csv, record 2 (line 3): 'x' stands in column 10, which has no name; it will be refused"
    ]


def test_lines_above_the_header_are_told_and_left_out(tmp_path: Path) -> None:
    """A title, and whose report it is; the rows count from the header."""
    warnings: list[str] = []
    (row,) = read(written(tmp_path, f"Commits 2026,,\n,,\nby \x07Ann\n\n{HEADER}\n{CELLS}\n"), warnings=warnings)
    assert (row.number, row.raw) == (1, False)
    assert warnings == [f"{tmp_path}/deals.csv: lines above its header are left out: 'Commits 2026,,', 'by \\x07Ann'"]


FOOTERS = (
    "Grand Totals (2 records)",
    "Confidential Information - Do Not Distribute",
    "Copyright (c) 2000-2030 salesforce.com, inc. All rights reserved.",
    "Birch & Pine Inc.",
)


@pytest.mark.parametrize("end", ["", ",,,,,,,"])
def test_footers_of_reports_are_told_and_left_out(tmp_path: Path, end: str) -> None:
    """The first is known by its words, those below it by their one cell; padded with commas or not."""
    warnings: list[str] = []
    below = "".join(f'"{footer}"{end}\n' for footer in FOOTERS)
    (row,) = read(written(tmp_path, f"{HEADER}\n{CELLS}\n\n\n{below}"), warnings=warnings)
    assert not row.raw
    (told,) = warnings
    assert "lines below its table are left out: 'Grand Totals (2 records)', 'Confidential Information" in told
    assert "'Birch & Pine Inc.'" in told


@pytest.mark.parametrize("odd", ["Birch & Pine Inc.", "Total,12000", "Overall Total,,1", "totalitarian"])
def test_what_may_be_a_row_is_no_footer(tmp_path: Path, odd: str) -> None:
    """Words of its own, or more than one cell: it is a row of another form, which is refused."""
    row, good = read(written(tmp_path, f"{HEADER}\n{odd}\n{CELLS}\n"))
    assert row.form
    assert row.form.code == "csv_row_shape"
    assert ("if it is a sum below the table" in row.form.found) is ("Total" in odd)
    assert not good.raw


def test_a_cell_may_be_as_long_as_a_body(tmp_path: Path) -> None:
    """Beyond the limit that Python's reader sets by itself."""
    (row,) = read(written(tmp_path, f"{HEADER},description\n{CELLS},{'x' * 200_000}\n"))
    assert len(json.loads(row.text)["description"]) == 200_000


def test_files_put_together_have_marks_in_the_middle(tmp_path: Path) -> None:
    """A byte-order mark at the beginning of a line is no part of it."""
    assert [row.raw for row in read(written(tmp_path, f"\ufeff{HEADER}\n\ufeff{CELLS}\n"))] == [False]
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\ufeff{"a": 2}\n')
    assert [row.text for row in read(path)] == ['{"a": 1}', '{"a": 2}']


@pytest.mark.parametrize("cell", [" ", "\t", "\xa0", "\u3000", "\u2007", "\u202f", "\u200b", "\u2060", " \u200b "])
def test_what_nobody_sees_is_no_key(tmp_path: Path, cell: str) -> None:
    """A cell of spaces of any width is empty, and around a text they are no part of it."""
    content = f"{HEADER}\n{CELLS.replace('k', cell, 1)}\n{CELLS.replace('k', f'{cell}k{cell}', 1)}\n"
    keyless, keyed = read(written(tmp_path, content))
    assert (keyless.keyless, json.loads(keyed.text)["uniqueness_key"]) == (True, "k")


@pytest.mark.parametrize("separator", [b"\xa7", b"\xc2\xa7", b'"', b"x", b""])
def test_a_line_that_names_no_delimiter_is_a_line_above_the_header(tmp_path: Path, separator: bytes) -> None:
    """A delimiter is one sign of ASCII: anything else neither breaks the reading nor decides it."""
    path = tmp_path / "deals.csv"
    path.write_bytes(b"sep=" + separator + b"\n" + f"{HEADER}\nk,c,PREPAID,1,p,1,s,e\n".encode())
    with open_source(path) as source:
        (row,) = rows(source, scanned=scan(source))
    assert not row.raw


def test_a_table_with_columns_of_its_own_is_told_of_mappings(tmp_path: Path) -> None:
    """Whoever has an export learns what makes requests of it."""
    path = tmp_path / "report.tsv"
    path.write_text("Account\tAmount\nAlder\t5\n")
    with open_source(path) as source, pytest.raises(UnreadableInput, match="`trueup mapping suggest` begins one"):
        scan(source)


@pytest.mark.parametrize("blank", ["\ufeff", "\xa0", "\u200b,\xa0,,"])
def test_a_line_of_what_nobody_sees_is_blank(tmp_path: Path, blank: str) -> None:
    """Marks and spaces of other kinds make no record, as those of ASCII make none."""
    path = tmp_path / "deals.csv"
    path.write_text(f"{HEADER}\n{blank}\nk,c,PREPAID,1,p,1,s,e\n{blank}\n")
    with open_source(path) as source:
        (row,) = rows(source, scanned=scan(source))
    assert (row.number, row.raw) == (1, False)
