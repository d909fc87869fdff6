"""The feed on the command line, with a scheduler that relays: what happened is listed, and followed until Ctrl-C."""

import json
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.bodies import prepaid, text


@pytest.mark.slow
def test_what_happens_is_followed(stack: Command, tmp_path: Path) -> None:
    """A batch that is ingested meanwhile is told, up to its completion; the cursor goes on where Ctrl-C ended it."""
    end = stack.ok("events", "tail", "--json").stderr.split("--after ")[1].strip()
    follow = [PROGRAM, "events", "tail", "--follow", "--json", "--after", end]
    with subprocess.Popen(
        follow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=stack.cwd, env=stack.surroundings()
    ) as following:
        file = tmp_path / "rows.jsonl"
        file.write_text("\n".join(text(prepaid(uniqueness_key=str(uuid4()))) for _ in range(3)))
        stack.ok("ingest", file)
        assert following.stdout
        told = []
        while not told or told[-1]["type"] != "batch.completed":
            told.append(json.loads(following.stdout.readline()))
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=20)
    assert following.returncode == 130
    assert [each["type"] for each in told] == ["commit.created"] * 3 + ["batch.completed"]
    assert told[-1]["facts"] == {"rows": 3, "outcomes": told[-1]["facts"]["outcomes"]}
    assert said.split("--after ")[1].strip() in [str(each["sequence"]) for each in told[-2:]]
    listed = stack.ok("events", "list", "--after", end, "--types", "commit.created", "--json").json()
    assert listed == told[:3]
    assert "there is no event type" in stack("events", "list", "--types", "commit.made").stderr
    assert stack.ok("events", "list", "--limit", "2").stdout.count("\n") >= 3
