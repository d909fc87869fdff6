"""`trueup ingest --mapping`: an export with columns of its own, from the dry run to rows that are mended."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.processes import ROOT, wait_for

ALDER, BASALT = "5e78454d-f065-41c2-84cc-4549c1acc990", "99356597-6fba-4662-b6a7-30b7b12e9eed"
MAPPING = """
[dates]
format = "DD.MM.YYYY"
[numbers]
decimal = ","
thousands = "."
unit = "major"
[fields]
uniqueness_key = "erp-{Nr}"
customer_id = { column = "Kunde", lookup = "customer" }
product_id = { value = "Platform commitment", lookup = "product" }
type = { value = "PREPAID" }
priority = 1
access_amount = "Betrag"
access_starting_at = "Beginn"
access_ending_before = { column = "Ende", inclusive_end = true }
credit_type_id = { column = "W", lookup = "unit" }
[[skip]]
column = "Nr"
starts_with = "Summe"
"""
HEADER = "Nr;Kunde;Betrag;W;Beginn;Ende"


@pytest.fixture(scope="module")
def erp(stack: Command) -> Command:
    """An account with the sample's catalog."""
    stack.ok("accounts", "create", "erp")
    stack.ok("catalog", "load", ROOT / "deploy" / "sample" / "catalog.json", "--account", "erp")
    return stack


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """The mapping's file."""
    path = tmp_path / "erp.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


@pytest.fixture
def database(stack: Command) -> Iterator[psycopg.Connection]:
    """The stack's database."""
    with psycopg.connect(json.loads((stack.cwd / "ready.json").read_text())["database"], autocommit=True) as connection:
        yield connection


def export(folder: Path, *records: str) -> Path:
    """An export of these records."""
    path = folder / "export.csv"
    path.write_text("\n".join([HEADER, *records]) + "\n", encoding="utf-8")
    return path


def test_a_dry_run_shows_rows_before_and_after_and_totals(erp: Command, mapping: Path, tmp_path: Path) -> None:
    """What would be sent, by type and unit, in money; every row that would fail, with the reason; nothing is sent."""
    file = export(
        tmp_path,
        "d1;Alder Analytics;301.000,05;USD;01.01.2026;31.12.2026",
        "d2;Basalt Robotics;1,5;EUR;01.01.2026;31.12.2026",
        "d3;Basalt;1,00;USD;01.01.2026;31.12.2026",
        "d4;Alder Analytics;1.00;USD;1/2/2026;31.12.2026",
        "Summe;;301.003,55;;;",
    )
    dry = erp("ingest", file, "--mapping", mapping, "--dry-run", "--account", "erp")
    assert dry.code == 3, dry.stderr
    assert f"{file}, row 1" in dry.stdout
    shown = {tuple(line.split()) for line in dry.stdout.splitlines()}
    assert ("access_amount", "Betrag:", "'301.000,05',", "W:", "'USD'", "30100005", "=", "301,000.05", "USD") in shown
    assert ("access_ending_before", "Ende:", "'31.12.2026'", "2027-01-01T00:00:00Z") in shown
    assert ("customer_id", "Kunde:", "'Alder", "Analytics'", ALDER, "=", "Alder", "Analytics") in shown
    assert ("PREPAID", "USD", "(cents)", "1", "301,000.05", "USD", "0.00", "USD") in shown
    assert ("PREPAID", "EUR", "(cents)", "1", "€1.50", "€0.00") in shown
    assert "Kunde: 'Basalt' is the name of no customer (did you mean 'Basalt Robotics'?)" in dry.stdout
    assert "Betrag: '1.00' is no number as the mapping has it" in dry.stdout
    assert "Beginn: '1/2/2026' is no date as the mapping has it (DD.MM.YYYY)" in dry.stdout
    assert "rows that the mapping leaves out: 1 where Nr starts with 'Summe'" in dry.stderr
    assert erp("commits", "list", "--uniqueness-key", "erp-d1", "--account", "erp").stdout == ""


def test_failed_rows_are_read_by_the_same_mapping(erp: Command, mapping: Path, tmp_path: Path) -> None:
    """They are written as they came; once mended, they are created, and the others are not touched."""
    good, bad = "f1;Alder Analytics;10,00;USD;01.01.2026;31.12.2026", "f2;Alder;10,00;USD;01.01.2026;31.12.2026"
    file, failed, results = export(tmp_path, good, bad), tmp_path / "failed.csv", tmp_path / "results.jsonl"
    options = ("--mapping", mapping, "--account", "erp", "--json")
    first = erp("ingest", file, *options, "--failed", failed, "--results", results)
    assert first.code == 3, first.stderr
    told = [json.loads(line) for line in results.read_text().splitlines()]
    assert [each["outcome"] for each in told] == ["created", "not_found"]
    assert told[1]["errors"][0]["code"] == "lookup_not_found"
    assert "record 2 (line 3): Kunde: 'Alder' is the name of no customer" in told[1]["errors"][0]["message"]
    assert failed.read_text() == f"{HEADER}\n{bad}\n"
    failed.write_text(failed.read_text().replace("Alder;", "Alder Analytics;"))
    again = erp.ok("ingest", failed, *options).json()
    assert (again["rows"], again["created"], again["new"]) == (1, 1, 1)


def test_a_corrected_mapping_is_another_batch(erp: Command, mapping: Path, tmp_path: Path) -> None:
    """The same mapping continues its batch; another one repeats no request's id, and the keys say what was there."""
    file = export(tmp_path, "c1;Alder Analytics;10,00;USD;01.01.2026;31.12.2026")
    options = ("--mapping", mapping, "--account", "erp", "--json")
    first = erp.ok("ingest", file, *options).json()
    mapping.write_text(f"# a note\n{MAPPING}", encoding="utf-8")
    again = erp.ok("ingest", file, *options).json()
    assert (again["batch_id"], again["new"]) == (first["batch_id"], 0)
    mapping.write_text(MAPPING.replace("priority = 1", "priority = 2"), encoding="utf-8")
    corrected = erp("ingest", file, *options)
    assert corrected.code == 3
    assert corrected.json()["batch_id"] != first["batch_id"]
    assert corrected.json()["duplicate"] == 1


def test_a_rename_between_kill_and_resume_changes_nothing(
    erp: Command, mapping: Path, tmp_path: Path, database: psycopg.Connection
) -> None:
    """What is sent after the kill goes to the customer that was meant when the batch was begun."""
    rows = 20_000
    records = [f"r{row};Alder Analytics;10,00;USD;01.01.2026;31.12.2026" for row in range(rows)]
    file = export(tmp_path, *records)
    arguments = ["ingest", str(file), "--mapping", str(mapping), "--account", "erp", "--json"]

    def customers() -> dict[str, int]:
        counted = database.execute(
            "SELECT customer_id, count(*) FROM commit WHERE uniqueness_key LIKE 'erp-r%' GROUP BY 1"
        )
        return {str(customer): count for customer, count in counted.fetchall()}

    process = subprocess.Popen([PROGRAM, *arguments], env=erp.surroundings(), cwd=erp.cwd)
    try:
        wait_for(customers, what="the first commits")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert sum(customers().values()) < rows, "killed too late to tell"
    rename = "UPDATE customer SET name = %s WHERE id = %s"
    database.execute(rename, ("Alder & Sons", ALDER))
    database.execute(rename, ("Alder Analytics", BASALT))
    try:
        resumed = erp.ok(*arguments).json()
    finally:
        database.execute(rename, ("Alder Analytics", ALDER))
        database.execute(rename, ("Basalt Robotics", BASALT))
    assert (resumed["rows"], resumed["created"]) == (rows, rows)
    assert customers() == {ALDER: rows}
