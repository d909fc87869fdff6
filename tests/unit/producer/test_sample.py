"""The sample: made the same way every time, and as mixed as it says (issue 2, item 10)."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from trueup.producer.files.opening.content import open_source
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.wire.catalog import read_catalog
from trueup.wire.request.read import read_body

SAMPLE = Path(__file__).parents[3] / "deploy" / "sample"


def rows_of(name: str) -> list[Row]:
    """The rows of one of the files."""
    with open_source(SAMPLE / name) as source:
        return list(rows(source))


def test_the_files_are_those_that_the_generator_makes(tmp_path: Path) -> None:
    """Byte for byte."""
    subprocess.run([sys.executable, SAMPLE / "make_sample.py", tmp_path], check=True)
    for name in ("catalog.json", "requests.jsonl", "requests.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_the_catalog_is_one() -> None:
    """In the form that `catalog load` reads, and of the size that is promised."""
    catalog = read_catalog((SAMPLE / "catalog.json").read_bytes())
    assert (len(catalog.customers), len(catalog.products), len(catalog.contracts)) == (40, 8, 60)


@pytest.mark.parametrize(("name", "count", "keyless_max"), [("requests.jsonl", 2000, 30), ("requests.csv", 300, 0)])
def test_nearly_all_rows_have_a_key(name: str, count: int, keyless_max: int) -> None:
    """And the file can be read to its end, with no warning but of keys that stand twice."""
    warnings: list[str] = []
    with open_source(SAMPLE / name) as source:
        result = scan(source, warn=warnings.append)
    assert result.rows == count
    assert ["have the same uniqueness_key" in each for each in warnings] == [True]  # repeated on purpose
    assert result.keyless_rows <= keyless_max


def test_some_rows_are_mistaken_in_many_ways() -> None:
    """About 3 %, with no more than a few of the same kind; references are judged later."""
    verdicts = [read_body(row.text, row.kind) for row in rows_of("requests.jsonl")]
    codes = Counter(verdict[0].code for verdict in verdicts if isinstance(verdict, list))
    assert 40 <= codes.total() <= 80
    assert len(codes) >= 18
    assert codes.most_common(1)[0][1] <= 10


def test_some_rows_repeat_a_key() -> None:
    """About 3 %, some with the same content and some with another."""
    texts: dict[str, set[str]] = {}
    repeated: Counter[bool] = Counter()
    for row in rows_of("requests.jsonl"):
        body = read_body(row.text, row.kind)
        key = None if isinstance(body, list) else body.get("uniqueness_key")
        if key is not None:
            known = texts.setdefault(key, set())
            if known:
                repeated[row.text in known] += 1
            known.add(row.text)
    assert 40 <= repeated.total() <= 80
    assert min(repeated.values()) >= 15


def test_every_form_of_request_occurs() -> None:
    """Prepaid and postpaid, credits, complimentary ones, specifiers, units, schedules of both forms."""
    seen: Counter[str] = Counter()
    for row in rows_of("requests.jsonl"):
        body = read_body(row.text, row.kind)
        if isinstance(body, list):
            continue
        schedule = body.get("invoice_schedule") or {}
        seen[str(body.get("type", "CREDIT"))] += 1
        seen["complimentary"] += body.get("type") == "PREPAID" and not schedule
        seen["recurring"] += "recurring_schedule" in schedule
        seen["instalments"] += len(schedule.get("schedule_items") or []) > 1
        seen["do_not_invoice"] += bool(schedule.get("do_not_invoice"))
        seen["specifiers"] += bool(body.get("specifiers"))
        seen["quantity"] += body["access_schedule"].get("access_type") == "QUANTITY"
    assert set(seen) == {
        *("PREPAID", "POSTPAID", "CREDIT", "complimentary", "recurring", "instalments"),
        *("do_not_invoice", "specifiers", "quantity"),
    }
    assert min(seen.values()) >= 30
