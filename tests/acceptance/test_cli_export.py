"""Exports on the command line: to a file or stdout, whole or not at all."""

import csv
import json
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.bodies import prepaid, text


@pytest.fixture(scope="module", autouse=True)
def _commits(stack: Command, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three commits, ingested."""
    file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    file.write_text("\n".join(text(prepaid(uniqueness_key=str(uuid4()))) for _ in range(3)))
    stack.ok("ingest", file)


def test_a_file_and_stdout(stack: Command, tmp_path: Path) -> None:
    """The ending of the file chooses the format, stdout gets CSV; the count goes to stderr."""
    file = tmp_path / "commits.jsonl"
    told = stack.ok("export", "commits", "-o", file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert f"{len(rows)} rows of commits in {file}" in told.stderr
    assert list(tmp_path.iterdir()) == [file]
    printed = stack.ok("export", "commits")
    assert [row["id"] for row in csv.DictReader(printed.stdout.splitlines())] == [row["id"] for row in rows]
    assert "uniqueness_key" in stack.ok("export", "commits", "--columns").stdout


def test_a_run_that_is_interrupted(stack: Command, tmp_path: Path) -> None:
    """Ctrl-C at any moment leaves the file as it was, or whole, and nothing beside it."""
    file = tmp_path / "out.csv"
    file.write_text("as it was")
    begun = [PROGRAM, "export", "outcomes", "-o", file]
    with subprocess.Popen(begun, cwd=stack.cwd, env=stack.surroundings(), stderr=subprocess.PIPE) as exporting:
        exporting.send_signal(signal.SIGINT)
        exporting.communicate(timeout=20)
    assert file.read_text() == "as it was" if exporting.returncode else file.read_text().startswith("request_id")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["invoice"], "invoice-lines"),
        (["invoices", "--month", "2026-13"], "2026-10"),
        (["invoices", "--month", "2026-10", "--since", "2026-10-01"], "--month"),
        (["invoices", "--since", "2026-10-02", "--until", "2026-10-01"], "later than"),
        (["invoices", "--format", "xlsx"], "csv"),
        (["invoices", "-o", "/nowhere/at/all.csv"], "/nowhere/at"),
        (["invoices", "-o", "/"], "folder"),
    ],
)
def test_what_cannot_be_done(stack: Command, arguments: list[str], said: str) -> None:
    """A usage error that says what there is."""
    result = stack("export", *arguments)
    assert (result.code, said in result.stderr) == (2, True), result.stderr
