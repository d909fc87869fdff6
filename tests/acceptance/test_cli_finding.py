"""Finding by the command what became of what was sent, weeks later."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.bodies import prepaid, text


@pytest.mark.slow
def test_why_a_row_was_refused(stack: Command, tmp_path: Path) -> None:
    """A batch is found by its name, its refused rows by their outcome, and requests by code and time."""
    name, key, file = f"batch {uuid4()}", f"deal {uuid4()}", tmp_path / "rows.jsonl"
    bodies = [prepaid(uniqueness_key=str(uuid4())), prepaid(priority="high", uniqueness_key=key)]
    bodies.append(prepaid(uniqueness_key=str(uuid4())))
    file.write_text("\n".join(map(text, bodies)))
    assert stack("ingest", file, "--batch-id", name).code == 3
    [newest] = stack.ok("batches", "list", "--limit", "1", "--json").json()
    assert (newest["name"], newest["source"], newest["rows"]) == (name, str(file), 3)
    shown = stack.ok("batches", "show", name, "--json").json()
    assert (shown["id"], shown["outcomes"]["created"], shown["outcomes"]["invalid"]) == (newest["id"], 2, 1)
    assert [each["row"] for each in stack.ok("batches", "rows", name, "--json").json()] == [1, 2, 3]
    [refused] = stack.ok("batches", "rows", newest["id"], "--outcome", "invalid", "--json").json()
    assert refused["row"] == 2
    code = refused["errors"][0]["code"]
    for options in (("--batch", newest["id"]), ("--code", code, "--since", "2020-01-01", "--until", "+1d")):
        listed = stack.ok("requests", "list", *options, "--json").json()
        assert refused["request_id"] in [each["request_id"] for each in listed]
    assert "priority" in stack.ok("batches", "rows", name, "--outcome", "invalid").stdout
    [row] = stack.ok("batches", "rows", str(file), "--row", "2", "--json").json()
    assert row == refused
    file.with_name("mended.jsonl").write_text(text(prepaid(uniqueness_key=key)))
    stack.ok("ingest", file.with_name("mended.jsonl"))
    story = stack.ok("requests", "show", row["request_id"], "--json").json()
    assert (story["errors"][0]["path"], story["errors"][0]["value"]) == ("/priority", "high")
    assert json.loads(story["body"])["uniqueness_key"] == story["uniqueness_key"] == key
    assert [(each["what"], each["by"]) for each in story["since"]] == [("commit", "uniqueness key")]
    assert "uniqueness key" in stack.ok("requests", "show", row["request_id"]).stdout
    for options in (("--customer", story["customer"]), ("--key", key), ("--batch", str(file), "--code", code)):
        listed = stack.ok("requests", "list", *options, "--json").json()
        assert row["request_id"] in [each["request_id"] for each in listed]
    two = stack("requests", "show", key)
    assert (two.code, row["request_id"] in two.stderr) == (2, True)
    assert stack.ok("requests", "list", "--until", "2020-01-01", "--json").json() == []
    assert stack("batches", "show", "no such batch").code == 2


@pytest.mark.slow
def test_what_is_called_by_its_name(stack: Command, tmp_path: Path) -> None:
    """A commit is found by its key or its opportunity, a customer by its name; what is to be changed is told."""
    key, file = f"order {uuid4()}", tmp_path / "rows.jsonl"
    file.write_text(text(prepaid(uniqueness_key=key, salesforce_opportunity_id=f"006 {key}")))
    stack.ok("ingest", file)
    [listed] = stack.ok("commits", "list", "--uniqueness-key", key, "--json").json()
    shown = stack.ok("commits", "show", listed["id"], "--json").json()
    for named in (key, f"006 {key}"):
        assert stack.ok("commits", "show", named, "--json").json() == shown
        assert stack.ok("explain", named, "--json").json()["id"] == listed["id"]
    edited = stack.ok("commits", "edit", key, "--priority", "7")
    assert f"is {listed['id']}" in edited.stderr
    [noted] = stack.ok("audit", "list", "--limit", "1", "--json").json()
    assert listed["id"] in noted["subject"]
    assert noted["at"].endswith("Z")
    assert listed["id"] in [
        each["id"] for each in stack.ok("commits", "list", "--customer", listed["customer"], "--json").json()
    ]
    of_name, of_id = (stack.ok("balance", listed[which], "--json").json() for which in ("customer", "customer_id"))
    assert of_name.keys() == of_id.keys()
    assert "no commit" in stack("commits", "show", "nothing is called this").stderr


@pytest.mark.slow
def test_a_name_of_several_is_refused(stack: Command, tmp_path: Path) -> None:
    """Whoever is called alike is named with its id, and none is taken."""
    ids, name = [str(uuid4()), str(uuid4())], f"twins {uuid4()}"
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps({"customers": [{"id": each, "name": name} for each in ids]}))
    stack.ok("catalog", "load", file)
    found = stack.ok("customers", "list", "--search", name[:20].upper(), "--json").json()
    assert {each["id"] for each in found} == set(ids)
    assert "FIXED" in stack.ok("products", "list").stdout
    assert stack.ok("contracts", "list", "--json").json()
    refused = stack("balance", name)
    assert (refused.code, all(each in refused.stderr for each in ids)) == (2, True)
