"""Rows of usage files."""

import json
from itertools import count
from typing import Any

import pytest

from tests.unit.wire.test_usage import full, line
from trueup.producer.files.columns.csv_columns import USAGE, known_columns
from trueup.producer.files.opening.content import Line, UnreadableInput
from trueup.producer.files.reading import AS_IT_STANDS
from trueup.producer.files.requests.jsonl_rows import jsonl_rows
from trueup.producer.files.requests.meaning import header_finder
from trueup.producer.files.requests.table_rows import table_rows
from trueup.producer.files.row import Row
from trueup.producer.files.tables.csv_table import CsvTable
from trueup.wire.request.read import read_body
from trueup.wire.request.usage import UsageRequest

HEADER = "transaction_id,customer_id,contract_id,product_id,timestamp,quantity,list_price"
CELLS = ",".join(str(value) for value in line().values())


def lines_of(text: str) -> list[Line]:
    """The lines of a text."""
    octets = text.encode().split(b"\n")
    return [Line(number, each, len(each)) for number, each in zip(count(1), octets, strict=False)]


def records(text: str) -> list[Row]:
    """The rows of a CSV text."""
    table = CsvTable(lines_of(text), header_finder("usage", AS_IT_STANDS), name="usage.csv")
    return list(table_rows(table, "usage", name="usage.csv"))


def test_jsonl_rows_are_bare_bodies() -> None:
    """Every line is a body, wrapped or not; a usage row is never without a key."""
    wrapped = {"kind": "commit", "idempotency_key": "k", "body": line()}
    rows = list(jsonl_rows(lines_of(f"{json.dumps(line())}\n\n{json.dumps(wrapped)}\nnonsense"), "usage"))
    assert [(row.number, row.kind, row.raw, row.keyless, row.idempotency_key) for row in rows] == [
        (1, "usage", False, False, None),
        (3, "usage", False, False, None),
        (4, "usage", True, False, None),
    ]
    problems: Any = read_body(rows[1].text, "usage")
    assert {"unknown_field /kind", "unknown_field /body"} <= {f"{each.code} {each.path}" for each in problems}


def test_csv_columns_are_the_fields() -> None:
    """A column has the name of a field, a group value that of its key; there are no short names."""
    assert {name.partition(".")[0] for name in known_columns(USAGE)} == UsageRequest.__annotations__.keys()
    more = "commit_price,credit_type_id,pricing_group_values.region,presentation_group_values.team"
    assert "pricing_group_values.<name>" in known_columns(USAGE)
    (row,) = records(f"{HEADER},{more}\n{CELLS},100.50,{full()['credit_type_id']},eu,a")
    assert json.loads(row.text) == full() | {"commit_price": 100.5, "presentation_group_values": {"team": "a"}}
    assert '"commit_price":100.50' in row.text
    assert (row.kind, row.keyless) == ("usage", False)


def test_a_map_as_json() -> None:
    """Group values can stand in one cell, as JSON."""
    (row,) = records(f'{HEADER},pricing_group_values\n{CELLS},"{{""region"": ""eu""}}"')
    assert json.loads(row.text)["pricing_group_values"] == {"region": "eu"}


def test_empty_cells_are_absent() -> None:
    """An optional cell that is empty leaves its default, a required one is missed by the worker."""
    (row,) = records(f"{HEADER},commit_price\n{CELLS},")
    assert json.loads(row.text) == line()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"{HEADER},kind", "unknown columns: 'kind'"),
        (f"{HEADER},commit_prize", "did you mean 'commit_price'?"),
        (f"{HEADER},access_amount", "unknown columns: 'access_amount'"),
        (HEADER.replace(",list_price", ""), "missing columns: list_price"),
    ],
)
def test_headers(header: str, said: str) -> None:
    """What is no field of a line is refused before anything is sent."""
    with pytest.raises(UnreadableInput, match=said.replace("?", r"\?")):
        records(f"{header}\n{CELLS}")
