"""What operators change by the command: invoices voided and made anew, commits edited, ended and archived."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.acceptance.conftest import CATALOG
from tests.acceptance.test_cli_output import ingest, wait_for_invoices
from tests.bodies import CONTRACT, access_item, invoiced, prepaid, text

YEAR = access_item(starting_at="2098-01-01T00:00:00Z", ending_before="2099-01-01T00:00:00Z")
ITEMS = [{"timestamp": f"{year}-01-01T00:00:00Z", "amount": 500} for year in ("2025", "2098", "2099")]


@pytest.fixture
def name(stack: Command) -> str:
    """A sandbox account with the catalog of the cases."""
    name = f"account {uuid4()}"
    stack.ok("accounts", "create", name, "--sandbox")
    stack.ok("catalog", "load", CATALOG, "--account", name)
    return name


@pytest.mark.slow
def test_a_commit_from_the_first_edit_to_the_archive(stack: Command, name: str, tmp_path: Path) -> None:
    """Each step does what it says, names what is in its way, and leaves books that agree."""
    body = invoiced(*ITEMS, access_schedule={"schedule_items": [YEAR]}, uniqueness_key="order-1")
    [commit] = ingest(stack, tmp_path, name, text(body))
    [first] = wait_for_invoices(stack, name)
    own = ("--account", name)

    edited = stack.ok("commits", "edit", commit, "--name", "Annual", "--priority", "-1.5", "--json", *own).json()
    assert edited["after"] == {"name": "Annual", "priority": "-1.5"}
    stdin = json.dumps({"applicable_contract_ids": [CONTRACT]}).encode()
    assert "applicable" in stack.ok("commits", "edit", commit, "--file", "-", *own, stdin=stdin).stdout

    ends = ("--access-ending-before", "2098-07-01", "--invoices-ending-before", "2099-01-01")
    ended = stack.ok("commits", "end", commit, *ends, "--json", *own).json()
    assert list(ended["after"]) == ["access_schedule", "invoice_schedule"]
    assert "nothing changed" in stack.ok("commits", "end", commit, *ends, *own).stderr

    refused = stack("commits", "archive", commit, *own)
    assert (refused.code, first["id"] in refused.stderr) == (2, True)
    stack.ok("invoices", "void", first["id"], "--reason", "wrong address", *own)
    assert "was void already" in stack.ok("invoices", "void", first["id"], "--reason", "again", *own).stderr
    [made] = stack.ok("invoices", "regenerate", first["id"], "--json", *own).json()
    refused = stack("invoices", "regenerate", first["id"], *own)
    assert (refused.code, made["id"] in refused.stderr) == (2, True)
    stack("invoices", "void", made["id"], "--reason", "x", *own)  # a draft, or the invoice: the scheduler decides
    stack.ok("reconcile", *own)


@pytest.mark.slow
def test_what_makes_no_sense_is_refused(stack: Command, name: str, tmp_path: Path) -> None:
    """Exit code 2, and a message that says what to do."""
    [commit] = ingest(stack, tmp_path, name, text(invoiced(ITEMS[2])))
    unknown = str(uuid4())
    for arguments, said in (
        (("commits", "edit", commit), "say what to change"),
        (("commits", "end", commit), "say what ends"),
        (("commits", "end", unknown, "--access-ending-before", "2098-01-01"), "no commit or credit"),
        (("commits", "end", commit, "--access-ending-before", "2098-01-01T00:30:00Z"), "must lie on a whole hour"),
        (("commits", "disable-true-up", commit), "only POSTPAID"),
        (("invoices", "void", unknown, "--reason", "x"), "no finalized invoice"),
        (("invoices", "regenerate"), "give the ID"),
        (("invoices", "regenerate", "--contract", CONTRACT), "give the ID"),
        (("invoices", "regenerate", "--contract", CONTRACT, "--month", "2026-10"), "no late usage in 2026-10"),
    ):
        refused = stack(*arguments, "--account", name)
        assert (refused.code, said in refused.stderr) == (2, True), (arguments, refused.stderr)
    (tmp_path / "edit.json").write_text(json.dumps({"priority": "high", "colour": "red"}))
    refused = stack("commits", "edit", commit, "--file", tmp_path / "edit.json", "--account", name)
    assert refused.code == 2
    assert "priority must be a JSON number" in refused.stderr
    assert "colour is not a known field" in refused.stderr
    stack.ok("commits", "archive", commit, "--account", name)
    stack.ok("reconcile", "--account", name)


@pytest.mark.slow
def test_many_commits_are_changed_at_once(stack: Command, name: str, tmp_path: Path) -> None:
    """Those of a batch, or of a file by key; what is refused is listed and written down, and the rest goes through."""
    own = ("--account", name)
    (tmp_path / "two.jsonl").write_text(
        "".join(text(prepaid(uniqueness_key=key)) + "\n" for key in ("order-1", "order-2"))
    )
    batch = stack.ok("ingest", "--json", tmp_path / "two.jsonl", *own).json()["batch_id"]
    (tmp_path / "ids.csv").write_text("uniqueness_key\norder-1\norder-9\n")
    chosen, failed = ("--file", tmp_path / "ids.csv", "--priority", "7"), tmp_path / "failed.csv"
    dry = stack("commits", "edit", *chosen, "--dry-run", "--json", *own)
    assert (dry.code, dry.json()["changed"], dry.json()["refused"]) == (3, 1, 1)
    edited = stack("commits", "edit", *chosen, "--failed", failed, *own)
    assert (edited.code, "order-9" in edited.stdout) == (3, True)
    assert failed.read_text().startswith("commit,reason\norder-9,")
    again = stack.ok("commits", "edit", "--batch", batch, "--priority", "7", "--json", *own).json()
    assert (again["rows"], again["changed"], again["unchanged"]) == (2, 1, 1)
    results = tmp_path / "results.jsonl"
    stack.ok("commits", "archive", "--batch", batch, "--results", results, *own)
    assert [json.loads(line)["outcome"] for line in results.read_text().splitlines()] == ["changed", "changed"]
    assert stack.ok("commits", "archive", "--batch", batch, "--json", *own).json()["rows"] == 0
    stack.ok("reconcile", *own)
