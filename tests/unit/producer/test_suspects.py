"""Values that can be read in two ways, or that a spreadsheet changed: refused before anything is sent."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.producer.mapping.tables import mapping_text
from trueup.producer.files.columns.numbers import AS_IN_JSON, NumberMarks, WrongMarks
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.opening.content import UnreadableInput, open_source
from trueup.producer.files.reading import Reading
from trueup.producer.files.rows import Scan, rows, scan

CASES = Path(__file__).parents[2] / "data" / "files"
HEADER = "uniqueness_key,customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before"
COMMAS = NumberMarks(decimal_comma=True, thousands=".")


def scanned(path: Path, marks: NumberMarks = AS_IN_JSON) -> Scan:
    """What the first pass finds."""
    with open_source(path, reading=Reading(marks)) as source:
        return scan(source)


def written(folder: Path, *cells: str) -> Path:
    """A file with these amounts."""
    path = folder / "deals.csv"
    path.write_text(
        "\n".join([HEADER, *(f'k{number},c,PREPAID,1,p,"{cell}",s,e' for number, cell in enumerate(cells))])
    )
    return path


def refusal(path: Path, marks: NumberMarks = AS_IN_JSON) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(UnreadableInput) as refused:
        scanned(path, marks)
    return str(refused.value)


def test_a_point_beside_semicolons_is_not_guessed() -> None:
    """The message names row, column and value, and the options that decide; with them, digits are as written."""
    path = CASES / "04_semicolon_thousands.csv"
    told = refusal(path)
    assert "row 1, access_amount: '12.000'; row 1, invoice_amount: '12.000'" in told
    assert "--decimal-comma" in told
    assert "--thousands" in told
    assert "Nothing was sent" in told
    with open_source(path, reading=Reading(COMMAS)) as source:
        bodies = [json.loads(row.text, parse_float=Decimal) for row in rows(source, scanned=scan(source))]
    amounts = [body["access_schedule"]["schedule_items"][0]["amount"] for body in bodies]
    assert [str(amount) for amount in amounts] == ["12000", "1500.00"]


def test_the_options_make_another_batch() -> None:
    """What is sent is other content."""
    path = CASES / "09_excel_trailing_columns.csv"
    assert scanned(path).sha256_hex != scanned(path, COMMAS).sha256_hex
    assert scanned(path).content_sha256_hex == scanned(path, COMMAS).content_sha256_hex == scanned(path).sha256_hex


@pytest.mark.parametrize(
    ("cells", "marks", "is_refused"),
    [
        (["12.000"], AS_IN_JSON, False),
        (["12.000", "1.500,00"], AS_IN_JSON, True),
        (["12.000", "0,5"], AS_IN_JSON, True),
        (["12.000", "1,000"], AS_IN_JSON, False),
        (["12.000"], NumberMarks(decimal_comma=True), True),
        (["12.000", "0,5"], NumberMarks(decimal_comma=False), False),
        (["12.000", "0,5"], COMMAS, False),
        (["0.125", "1.5", "1000.250", "0,5"], AS_IN_JSON, False),
        (["1.23E+06"], AS_IN_JSON, True),
        (["6E+15"], AS_IN_JSON, True),
        (["1.234567E+06", "1.5e3", "1.5E+01"], AS_IN_JSON, False),
        (["1.23457E-05"], AS_IN_JSON, True),
        (["-1.5e-05"], AS_IN_JSON, True),
        (["1.23e+06"], AS_IN_JSON, True),
        (["1e+15"], AS_IN_JSON, True),
        (["5E-05", "1.234567e+06", "1.5e+1", "0.00E+00", "0.00E-05"], AS_IN_JSON, False),
    ],
)
def test_numbers(tmp_path: Path, cells: list[str], marks: NumberMarks, *, is_refused: bool) -> None:
    """Refused is what has two meanings in its file, and what has lost digits."""
    path = written(tmp_path, *cells)
    if is_refused:
        assert f"'{cells[0]}'" in refusal(path, marks)
    else:
        assert scanned(path, marks).rows == len(cells)


@pytest.mark.parametrize(
    ("cell", "marks", "expected"),
    [
        ("1.234.567,80", COMMAS, "1234567.80"),
        ("-12.000", COMMAS, "-12000"),
        ("12,5", COMMAS, "12.5"),
        ("12.5", COMMAS, '"12.5"'),
        ("1.2345", COMMAS, '"1.2345"'),
        ("1,234,567.80", NumberMarks(thousands=","), "1234567.80"),
        ("1 234,5", NumberMarks(decimal_comma=True, thousands=" "), "1234.5"),
        ("1\u202f234", NumberMarks(decimal_comma=True, thousands=" "), "1234"),
        ("1\u2019234.5", NumberMarks(thousands="'"), "1234.5"),
        ("007", NumberMarks(thousands=","), '"007"'),
        ("1,5E+03", COMMAS, '"1,5E+03"'),
    ],
)
def test_marks(cell: str, marks: NumberMarks, expected: str) -> None:
    """Every digit is kept, and what is no number in these marks is none."""
    assert marks.encode(cell) == expected


@pytest.mark.parametrize(("comma", "thousands"), [(True, ","), (None, "."), (False, "."), (None, "x")])
def test_marks_that_contradict_each_other(comma: bool | None, thousands: str) -> None:  # noqa: FBT001
    """One mark has one meaning."""
    with pytest.raises(WrongMarks):
        NumberMarks(comma, thousands)


def test_keys_that_a_spreadsheet_rounded() -> None:
    """Two deals have one key now: the rows are named."""
    told = refusal(CASES / "12_excel_sci_keys.csv")
    assert "rows 1 and 2 have the same uniqueness_key '6.00E+15'" in told
    assert "a spreadsheet rounded" in told


@pytest.mark.parametrize(
    ("key", "is_refused"),
    [
        ("6.1E+15", True),
        ("6e+15", True),
        ("1.23e+06", True),
        ("1.23457E-05", True),
        ("5E-10", False),
        ("2e-order", False),
        ("be11e+05", False),
    ],
)
def test_one_key_that_a_spreadsheet_rounded(tmp_path: Path, key: str, *, is_refused: bool) -> None:
    """It is not what it was, even if no other row has it."""
    path = tmp_path / "deals.csv"
    path.write_text(f"{HEADER}\n{key},c,PREPAID,1,p,1,s,e\n")
    if is_refused:
        assert f"row 1, uniqueness_key: '{key}'" in refusal(path)
    else:
        assert scanned(path).rows == 1


@pytest.mark.parametrize(
    ("rest", "cells", "is_refused"),
    [
        ('[numbers]\nsymbols = ["€"]', ["12.000 €"], True),
        ('[numbers]\nsymbols = ["€"]', ["€12.000"], True),
        ('[numbers]\nsymbols = ["€"]', ["12.5 €"], False),
        ('[numbers]\nsymbols = ["€"]', ["1.23E+06 €"], True),
        ('[numbers]\nsymbols = ["€"]\ndecimal = "."', ["12.000 €"], False),
        ('[numbers]\nsymbols = ["€"]\ndecimal = "."', ["1.23E+06 €"], True),
        ('[numbers]\nsymbols = ["€"]\ndecimal = ","\nthousands = "."', ["12.000 €"], False),
        ('[numbers]\ndecimal = "."', ["1.23E+06"], True),
    ],
)
def test_numbers_beside_a_symbol(tmp_path: Path, rest: str, cells: list[str], *, is_refused: bool) -> None:
    """What stands beside a number does not hide that it can be read in two ways, or has lost digits."""
    path = tmp_path / "deals.csv"
    path.write_text("\n".join(["ID;Deal;Amount", *(f"{number};a;{cell}" for number, cell in enumerate(cells))]))
    fields = 'uniqueness_key = "{ID}"\nname = "Deal"\naccess_amount = "Amount"'
    mapping = parse_mapping(mapping_text(fields, rest).encode(), name="m.toml")
    with open_source(path, reading=Reading(mapping=mapping)) as source:
        if is_refused:
            with pytest.raises(UnreadableInput, match=f"row 1, Amount: '{re.escape(cells[0])}'"):
                scan(source)
        else:
            assert scan(source).rows == 1
