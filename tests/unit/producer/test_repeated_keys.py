"""Keys that stand more than once in a file are told before anything is sent."""

from pathlib import Path

import pytest

from tests.unit.producer.mapping.tables import mapping_text
from trueup.producer.files.doubts import repeated_keys
from trueup.producer.files.doubts.repeated_keys import KeyedRow, KeysSeen, told_of_repeated
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.rows import scan
from trueup.wire.message.envelope import Kind

HEADER = "uniqueness_key,customer_id,type,priority,product_id,access_amount,access_starting_at,access_ending_before"
CELLS = "c,PREPAID,1,p,{amount},s,e"


def told(path: Path, *, kind: Kind = "commit", reading: Reading = AS_IT_STANDS) -> list[str]:
    """What the first pass over a file tells."""
    warnings: list[str] = []
    with open_source(path, reading=reading) as source:
        scan(source, kind=kind, warn=warnings.append)
    return [each.removeprefix(f"{path}: ") for each in warnings]


def test_rows_of_a_table_with_the_same_key(tmp_path: Path) -> None:
    """With other terms they are told, by their numbers; the same row twice is harmless, and so are rows without."""
    rows = [
        f"{key},{CELLS.format(amount=amount)}"
        for key, amount in [("a", 1), ("b", 2), ("", 1), ("b", 2), ("", 2), ("a", 3)]
    ]
    (tmp_path / "deals.csv").write_text("\n".join([HEADER, *rows]))
    assert told(tmp_path / "deals.csv") == [
        "rows 1 and 6 have the same uniqueness_key 'a', and different terms: only the first of each can be created"
    ]


def test_rows_of_json_with_the_same_key(tmp_path: Path) -> None:
    """Wrapped or bare, of requests or of usage."""
    path = tmp_path / "deals.jsonl"
    path.write_text(
        '{"uniqueness_key": "a\\u0000", "x": 1}\n\n{"body": {"uniqueness_key": "a\\u0000"}}\n[1]\n{"a": 1}\n{"a": 2}\n'
    )
    assert told(path)[0].startswith("rows 1 and 3 have the same uniqueness_key 'a")
    assert "\0" not in told(path)[0]
    path.write_text('{"transaction_id": "t", "x": 1}\n{"transaction_id": "t", "x": 2}\n')
    assert told(path, kind="usage")[0].startswith("rows 1 and 2 have the same transaction_id 't', and different terms")


def test_rows_that_a_mapping_gives_the_same_key(tmp_path: Path) -> None:
    """What no field is made of may differ."""
    fields = 'uniqueness_key = "{ID}-{Part}"\nname = "Deal"\naccess_amount = "Amount"'
    reading = Reading(mapping=parse_mapping(mapping_text(fields).encode(), name="m.toml"))
    path = tmp_path / "deals.csv"
    path.write_text("ID,Part,Deal,Amount,Note\n1,a,A,5,x\n1,a,A,5,y\n1,b,A,5,x\n1,a,A,6,x\n")
    (said,) = told(path, reading=reading)
    assert said.startswith("rows 1, 2 and 4 have the same uniqueness_key '1', 'a', and different terms")


def test_many_are_told_as_a_number(tmp_path: Path) -> None:
    """Five keys, and five rows of each."""
    rows = [f"k{number % 8},{CELLS.format(amount=number)}" for number in range(80)]
    (tmp_path / "deals.csv").write_text("\n".join([HEADER, *rows]))
    (said,) = told(tmp_path / "deals.csv")
    assert said.startswith("rows 1, 9, 17, 25, 33, … have the same uniqueness_key 'k0'; rows 2, 10")
    assert "'k4'; 3 more keys likewise, and different terms" in said


def test_keys_are_held_against_each_other_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key takes eight bytes; beyond the bound none is taken."""
    monkeypatch.setattr(repeated_keys, "KEYS_COMPARED_MAX", 3)
    keys = KeysSeen()
    for key in "aabb":
        keys.add(key)
    assert keys.repeated() == {hash("a")}
    assert told_of_repeated(iter([KeyedRow(1, "a", 1), KeyedRow(2, "a", 1)]), keys.repeated(), "uniqueness_key") == []
