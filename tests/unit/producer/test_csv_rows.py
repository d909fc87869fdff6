"""CSV rows: columns, cells and records."""

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from trueup.limits import BODY_BYTES_MAX
from trueup.producer.files.columns.csv_columns import known_columns
from trueup.producer.files.opening.content import LINE_BYTES_MAX, Line, UnreadableInput, open_source
from trueup.producer.files.reading import AS_IT_STANDS
from trueup.producer.files.requests.meaning import header_finder
from trueup.producer.files.requests.table_rows import table_rows
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows as rows_in
from trueup.producer.files.tables.csv_table import CsvTable
from trueup.wire.message.envelope import Kind
from trueup.wire.request.read import read_body

REQUIRED = "customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before"
CELLS = (
    "13117714-3f05-48e5-a6e9-a66093f13b4d,PREPAID,100,f14d6729-6a44-4b13-9908-9387f1918790,"
    "1000.50,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z"
)


def rows_of(text: str | bytes, *, kind: Kind = "commit", warnings: list[str] | None = None) -> list[Row]:
    """The rows of a CSV text."""
    octets = text.encode() if isinstance(text, str) else text
    lines = (Line(number, line, len(line)) for number, line in zip(count(1), octets.split(b"\n"), strict=False))
    table = CsvTable(lines, header_finder(kind, AS_IT_STANDS), name="deals.csv")
    return list(table_rows(table, kind, name="deals.csv", warn=None if warnings is None else warnings.append))


def body_of(header: str, cells: str) -> Any:
    """The body that these columns, beside the required ones, make."""
    (row,) = rows_of(f"{REQUIRED},{header}\n{CELLS},{cells}")
    return json.loads(row.text, parse_float=Decimal)


def refusal(text: str | bytes, *, kind: Kind = "commit") -> str:
    """What is said of a file that cannot be read."""
    with pytest.raises(UnreadableInput) as refused:
        rows_of(text, kind=kind)
    return str(refused.value)


def test_a_simple_row_is_a_valid_request() -> None:
    """The required columns are enough, and every digit stays."""
    (row,) = rows_of(f"{REQUIRED}\n{CELLS}\n")
    assert (row.number, row.kind, row.keyless, row.raw) == (1, "commit", True, False)
    assert '"amount":1000.50' in row.text
    assert isinstance(read_body(row.text, "commit"), dict)


def test_every_field_can_be_named_by_its_path() -> None:
    """The columns are derived from the body's types."""
    known = set(known_columns())
    assert {
        "customer_id",
        "access_schedule.schedule_items.0.amount",
        "invoice_schedule.recurring_schedule.frequency",
        "specifiers.0.exclude.0.product_tags",
        "custom_fields.<name>",
        "specifiers.0.pricing_group_values.<name>",
        "salesforce_opportunity_id",
        "kind",
    } <= known


@pytest.mark.parametrize(
    ("header", "cells", "path", "expected"),
    [
        ("name", '"Deal, ""big"" one"', "name", 'Deal, "big" one'),
        ("name", "", "name", None),
        ("uniqueness_key", " k ", "uniqueness_key", "k"),
        ("uniqueness_key", '" "', "uniqueness_key", None),
        ("name", "\ufeff\xa0Deal ", "name", "Deal"),
        ("custom_fields.region.eu", "west", "custom_fields", {"region.eu": "west"}),
        ("custom_fields.7", "x", "custom_fields", {"7": "x"}),
        ("custom_fields", '"{""a"": ""b""}"', "custom_fields", {"a": "b"}),
        ("applicable_product_tags", "gpu; cpu;", "applicable_product_tags", ["gpu", "cpu"]),
        ("applicable_product_tags", '"[""a;b""]"', "applicable_product_tags", ["a;b"]),
        ("applicable_product_tags", "[gpu", "applicable_product_tags", "[gpu"),
        ("specifiers", '"[{""product_tags"": [""gpu""]}]"', "specifiers", [{"product_tags": ["gpu"]}]),
        ("specifiers.0.product_tags", "a;b", "specifiers", [{"product_tags": ["a", "b"]}]),
        ("specifiers.0.exclude.0.product_tags", "a", "specifiers", [{"exclude": [{"product_tags": ["a"]}]}]),
        ("access_schedule.access_type", "QUANTITY", "access_schedule/access_type", "QUANTITY"),
        ("credit_type_id", "u", "access_schedule/credit_type_id", "u"),
        ("credit_type_id", "u", "invoice_schedule", None),
        ("do_not_invoice", "TRUE", "invoice_schedule", None),
        ("invoice_timestamp,do_not_invoice", "t,True", "invoice_schedule/do_not_invoice", True),
        ("invoice_timestamp,credit_type_id", "t,u", "invoice_schedule/credit_type_id", "u"),
        ("invoice_timestamp,do_not_invoice", "t,yes", "invoice_schedule/do_not_invoice", "yes"),
        ("invoice_unit_price", " 1.5e3 ", "invoice_schedule/schedule_items/0/unit_price", Decimal("1.5e3")),
        ("invoice_amount", '"1,000"', "invoice_schedule/schedule_items/0/amount", "1,000"),
        ("invoice_amount", "NaN", "invoice_schedule/schedule_items/0/amount", "NaN"),
        ("invoice_amount", "01", "invoice_schedule/schedule_items/0/amount", "01"),
        ("invoice_amount", "٣", "invoice_schedule/schedule_items/0/amount", "٣"),
    ],
)
def test_cells(header: str, cells: str, path: str, expected: object) -> None:
    """A cell becomes the JSON of its field; what does not fit becomes a string, which is refused by its path."""
    found: Any = body_of(header, cells)
    for part in path.split("/"):
        found = found[int(part)] if isinstance(found, list) else found.get(part, None)
    assert found == expected


def test_items_without_cells_leave_no_gap() -> None:
    """A file with four columns of instalments may hold deals with two."""
    header = ",".join(f"invoice_schedule.schedule_items.{n}.timestamp" for n in (0, 1, 10, 2))
    items = body_of(header, "a,,d,c")["invoice_schedule"]["schedule_items"]
    assert items == [{"timestamp": "a"}, {"timestamp": "c"}, {"timestamp": "d"}]


def test_kind_and_idempotency_key_are_the_row_s_own() -> None:
    """They are no part of the body; an empty kind cell means the file's kind."""
    header = f"kind,idempotency_key,{REQUIRED}"
    first, second = rows_of(f"{header}\ncredit,i-1,{CELLS}\n,,{CELLS}", kind="commit")
    assert (first.kind, first.idempotency_key, second.kind, second.idempotency_key) == ("credit", "i-1", "commit", None)
    assert "kind" not in first.text


@pytest.mark.parametrize(("kind", "key"), [("refund", "i"), ("", "k" * 256)])
def test_a_kind_or_key_that_cannot_travel_is_refused_by_name(kind: str, key: str) -> None:
    """It stays in the body, where it is an unknown field."""
    (row,) = rows_of(f"kind,idempotency_key,{REQUIRED}\n{kind},{key},{CELLS}")
    assert (row.kind, row.idempotency_key) == ("commit", None)
    verdict = read_body(row.text, row.kind)
    assert isinstance(verdict, list)
    assert {problem.code for problem in verdict} == {"unknown_field"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["custmer_id", "prioriti"], ["unknown columns: 'custmer_id' (did you mean 'customer_id'?), 'prioriti'"]),
        (["xyzzy"], ["'xyzzy'."]),
        (["custom_fields."], ["unknown columns"]),
        (["access_schedule.schedule_items.x.amount"], ["unknown columns"]),
        (["specifiers.0.product_id.x"], ["unknown columns"]),
        (
            [REQUIRED, "name", "name", "access_schedule.schedule_items.0.amount"],
            ["named twice: access_amount, name, name"],
        ),
        ([REQUIRED, "custom_fields.a", "custom_fields", "name"], ["twice: custom_fields.a, custom_fields."]),
        (
            ["customer_id", "type"],
            ["missing columns:", "priority", "product_id", "access_amount", "access_starting_at"],
        ),
    ],
)
def test_header_problems_name_all_columns(columns: Sequence[str], said: Sequence[str]) -> None:
    """Nothing is sent under a header that is not understood."""
    told = refusal(",".join(columns) + "\n" + "\n")
    assert told.startswith("deals.csv: ")
    for part in said:
        assert part in told


def test_a_credit_file_needs_no_type() -> None:
    """Nor does one whose rows name their kind."""
    header, cells = REQUIRED.replace("type,", ""), CELLS.replace("PREPAID,", "")
    assert rows_of(f"{header}\n{cells}", kind="credit")[0].kind == "credit"
    assert rows_of(f"kind,{header}\ncredit,{cells}")[0].kind == "credit"
    assert "missing columns: type" in refusal(f"{header}\n{cells}")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(delimiter: str) -> None:
    """Spreadsheets of other countries write semicolons; the header tells."""
    header, cells = REQUIRED.replace(",", delimiter), CELLS.replace(",", delimiter)
    assert isinstance(read_body(rows_of(f"{header}\n{cells}")[0].text, "commit"), dict)


def test_records_with_other_cell_counts_travel_as_raw() -> None:
    """They are told of, get their outcome, and leave their neighbours alone."""
    warnings: list[str] = []
    good, more, fewer, last = rows_of(f"{REQUIRED}\n{CELLS}\n{CELLS},1\n123\n{CELLS}", warnings=warnings)
    assert [row.raw for row in (good, more, fewer, last)] == [False, True, True, False]
    assert [row.number for row in (good, more, fewer, last)] == [1, 2, 3, 4]
    assert warnings == [
        "deals.csv, record 2 (line 3): 8 cells where the header has 7; it will be refused",
        "deals.csv, record 3 (line 4): 1 cells where the header has 7; it will be refused",
    ]
    for row in (more, fewer):
        verdict = read_body(row.text, "commit")
        assert isinstance(verdict, list)
        assert verdict[0].code == "json_invalid"


def test_warnings_are_bounded() -> None:
    """Ten, and then how many more."""
    warnings: list[str] = []
    rows_of(f"{REQUIRED}\n" + "x\n" * 25, warnings=warnings)
    assert len(warnings) == 11
    assert "15 more records" in warnings[-1]


def test_quoted_cells_stretch_over_lines() -> None:
    """A record is a record, whatever line ends it quotes; numbers count records, not lines."""
    text = f'\n{REQUIRED},name,description\n\n{CELLS},"one\n\n""two"", three","x"\n{CELLS},four,5" or 6"\n'
    first, second = rows_of(text)
    assert (first.number, json.loads(first.text)["name"]) == (1, 'one\n\n"two", three')
    assert (second.number, json.loads(second.text)["description"]) == (2, '5" or 6"')


def test_broken_quotes_travel_as_raw() -> None:
    """Text after a closing quote is no CSV."""
    broken, good = rows_of(f'{REQUIRED},name\n{CELLS},"a"b\n{CELLS},c')
    assert (broken.raw, good.raw) == (True, False)


def test_a_quote_that_is_never_closed_spoils_its_own_record() -> None:
    """It says which, and what was found; the rows below it are read, and have their own numbers."""
    good, odd, *others = rows_of(f'{REQUIRED},name\n{CELLS},a\n{CELLS},"b\n' + f"{CELLS},c\n" * 5_000)
    assert odd.form
    assert odd.form.code == "csv_quotes"
    assert """record 2 (line 3): the quote that opens at '"b' is never closed""" in odd.form.found
    assert not good.raw
    assert [row.number for row in others if not row.raw] == list(range(3, 5_003))


def test_a_quote_that_another_record_s_seems_to_close_spoils_its_own_record() -> None:
    """What stands between them is no cell: the next line begins the next record."""
    odd, quoted, good = rows_of(f'{REQUIRED},name,description\n{CELLS},"b,x\n{CELLS},"c, d","e\nf"\n{CELLS},g,h\n')
    assert odd.form
    assert odd.form.code == "csv_quotes"
    assert json.loads(quoted.text)["description"] == "e\nf"
    assert (quoted.number, good.number) == (2, 3)


def test_quotes_that_open_again_and_again_are_looked_after_with_a_bound() -> None:
    """A file of nothing else is read as fast as another one."""
    odd = f'{CELLS},x"y,"z'
    rows = rows_of(f"{REQUIRED},name,description\n" + f"{odd}\n" * 20_000 + f"{CELLS},g,h\n")
    assert len(rows) == 20_001
    assert all(row.raw for row in rows[:-1])
    assert not rows[-1].raw


def test_a_record_that_is_too_large_travels_as_its_beginning() -> None:
    """Whether it is one long line or many in quotes."""
    lines = f'{REQUIRED},name\n{CELLS},"' + ("x" * 50 + "\n") * (LINE_BYTES_MAX // 50) + f'"\n{CELLS},ok'
    large, good = rows_of(lines)
    assert large.raw_bytes is not None
    assert large.raw_bytes > LINE_BYTES_MAX
    assert len(large.text) < 4200
    assert (good.number, good.raw) == (2, False)


def test_a_cell_may_be_as_long_as_a_body_though_csv_doubles_its_quotes(tmp_path: Path) -> None:
    """It is the body that is judged, and not how it is written here."""
    specifiers = "[" + ",".join(['{"a":"b"}'] * 25_000) + "]"
    doubled = specifiers.replace('"', '""')
    assert len(specifiers) < BODY_BYTES_MAX < len(doubled)
    path = tmp_path / "a.csv"
    path.write_text(f'{REQUIRED},specifiers\n{CELLS},"{doubled}"\n{CELLS},"[{doubled},{doubled[1:]}"\n')
    with open_source(path) as source:
        large, larger = rows_in(source)
    assert not large.raw
    assert json.loads(large.text)["specifiers"] == json.loads(specifiers)
    assert larger.raw_bytes is not None


def test_a_record_that_is_not_utf8_travels_as_raw() -> None:
    """An old spreadsheet's umlaut spoils its own row only."""
    latin, good = rows_of(f"{REQUIRED},name\n{CELLS},Müller\n".encode("latin-1") + f"{CELLS},Müller".encode())
    assert (latin.raw, good.raw) == (True, False)
    assert "header cannot be read: not UTF-8" in refusal("Größe".encode("latin-1"))


def test_a_header_alone_has_no_rows() -> None:
    """It is the first pass that says so."""
    assert rows_of(f"{REQUIRED}\n\n") == []
    assert "no header" in refusal("\n\n")
