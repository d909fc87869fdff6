"""Finding by the command what became of what was sent, weeks later."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import Command
from tests.bodies import prepaid, text


@pytest.mark.slow
def test_why_a_row_was_refused(stack: Command, tmp_path: Path) -> None:
    """A batch is found by its name, its refused rows by their outcome, and requests by code and time."""
    name, file = f"batch {uuid4()}", tmp_path / "rows.jsonl"
    bodies = [prepaid(uniqueness_key=str(uuid4())), prepaid(priority="high"), prepaid(uniqueness_key=str(uuid4()))]
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
    assert stack.ok("requests", "list", "--until", "2020-01-01", "--json").json() == []
    assert stack("batches", "show", "no such batch").code == 2
