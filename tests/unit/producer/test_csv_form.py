"""Rows whose form is wrong: each has a code of its own, and says what was found where."""

from pathlib import Path

import pytest

from trueup.ids import new_id_text
from trueup.producer.files.key_suffix import with_suffix
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.row import Row
from trueup.producer.files.rows import header_of, rows, scan
from trueup.producer.files.tables.csv_cells import cells_of
from trueup.producer.files.tables.table import BadForm
from trueup.wire.message.envelope import BadEnvelope, read_requests
from trueup.wire.message.packing import write_requests
from trueup.wire.problems import Problem
from trueup.wire.request.named import names_of
from trueup_worker.intake.bodies import read_bodies

CASES = Path(__file__).parents[2] / "data" / "files"


def judged(row: Row) -> list[Problem]:
    """The problems of a row once it has travelled."""
    requests = read_requests(write_requests([row.request(new_id_text())]))
    return [problem for refusal in read_bodies(requests).refusals for problem in refusal.problems]


def test_form_is_judged_as_form() -> None:
    """A spreadsheet's user is told of cells and bytes, not of JSON; the good row beside them is a request."""
    with open_source(CASES / "05_csv_form_told_as_json.csv") as source:
        good, short, odd = rows(source, scanned=scan(source))
        header = header_of(source, kind="commit")
    assert judged(good) == []
    (shape,), (octets,) = judged(short), judged(odd)
    assert (shape.path, shape.code) == ("", "csv_row_shape")
    assert "record 2 (line 3): 2 cells where the header has 12" in shape.message
    assert octets.code == "not_utf8"
    assert "record 3 (line 4): not UTF-8: the byte 0xfc" in octets.message
    assert "which is 'Zürich' in cp1252; save the file as UTF-8" in octets.message
    content = (CASES / "05_csv_form_told_as_json.csv").read_bytes()
    assert b"\r\n".join([header, *(row.record or b"" for row in (good, short, odd)), b""]) == content


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (b'"a"b', "csv_quotes"),
        (b"x" * 300_000, "body_too_large"),
        (b"M\xfcller", "not_utf8"),
    ],
)
def test_each_form_has_its_code(tmp_path: Path, cell: bytes, code: str) -> None:
    """Whatever stands in the record, its outcome can be stored."""
    path = tmp_path / "deals.csv"
    header = b"customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before,name\n"
    path.write_bytes(header + b"c,PREPAID,1,p,1,s,e," + cell + b"\n")
    with open_source(path) as source:
        (row,) = rows(source)
    (problem,) = judged(row)
    assert problem.code == code
    assert "\0" not in problem.message


def test_a_form_goes_with_a_raw_row_alone() -> None:
    """Beside a body it would contradict it."""
    with pytest.raises(BadEnvelope, match="form go with raw"):
        read_requests(f'[{{"id": "{new_id_text()}", "body": {{}}, "form": "not_utf8"}}]')


@pytest.mark.parametrize(
    ("cell", "page"),
    [
        ("20 €", "cp1252"),
        ("It\N{RIGHT SINGLE QUOTATION MARK}s", "cp1252"),
        ("“Alder” \N{EN DASH} Möbel…", "cp1252"),
        ("© Acme™", "cp1252"),
        ("50\N{EN DASH}60 m²", "cp1252"),
        ("Zürich", "cp1252"),
        ("Möbel", "cp850"),
        ("Größe", "cp850"),
    ],
)
def test_the_code_page_that_is_named_makes_a_word(cell: str, page: str) -> None:
    """Signs of cp1252 are no letters, and stand where signs do; letters of cp850 would be signs within a word."""
    with pytest.raises(BadForm, match=f"which is '{cell}' in {page}"):
        cells_of(f"a,{cell},b".encode(page), ",")


SHAPES = [
    (b"deal-1,Alder,PREPAID,1,p,1,s\n", ("alder", "deal-1")),
    (b"deal-1,Alder,PREPAID,1,p,1,s,e,n,more\n", ("alder", "deal-1")),
    (b"deal-1,Alder,PREPAID,1,p,1,s,e,M\xfcller\n", ("alder", "deal-1")),
    (b'deal-1,Alder,PREPAID,1,p,1,s,e,"a"b\n', ("alder", "deal-1")),
    (b"deal-1\n", (None, "deal-1")),
    (b",,PREPAID,1,p,1,s,e,n,more\n", (None, None)),
    (
        b"d\0l,A\0" + b"x" * 300 + b",PREPAID,1\n",
        ("a\N{REPLACEMENT CHARACTER}" + "x" * 253, "d\N{REPLACEMENT CHARACTER}l"),
    ),
]


@pytest.mark.parametrize(("record", "names"), SHAPES)
def test_a_record_of_bad_form_tells_customer_and_key(tmp_path: Path, record: bytes, names: tuple[str, str]) -> None:
    """By them its outcome is found weeks later; they travel with the row."""
    path = tmp_path / "deals.csv"
    header = (
        b"uniqueness_key,customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before"
    )
    path.write_bytes(header + b",name\n" + b"\n" * 9_000 + record)
    with open_source(path) as source:
        (row,) = rows(source)
    (request,) = read_requests(write_requests([row.request(new_id_text())]))
    assert names_of(request) == names
    (renamed,) = read_requests(write_requests([with_suffix(row.request(new_id_text()), "-r2")]))
    assert names_of(renamed) == (names[0], None if names[1] is None else f"{names[1]}-r2")
