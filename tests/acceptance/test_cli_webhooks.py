"""Webhooks on the command line, with a worker that delivers: what happens is received, checked and printed."""

import json
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.bodies import prepaid, text


@pytest.mark.slow
def test_what_happens_is_received(stack: Command, tmp_path: Path) -> None:
    """Commits arrive with what the API tells of them; the log tells of each attempt; Ctrl-C ends the webhook, too."""
    listen = [PROGRAM, "webhooks", "listen", "--types", "commit.created"]
    with subprocess.Popen(
        listen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=stack.cwd, env=stack.surroundings()
    ) as listening:
        assert listening.stderr
        said = listening.stderr.readline()
        webhook = said.split("webhook ")[1].partition(";")[0]
        keys = {str(uuid4()) for _ in range(3)}
        file = tmp_path / "rows.jsonl"
        file.write_text("\n".join(text(prepaid(uniqueness_key=each)) for each in keys))
        stack.ok("ingest", file)
        assert listening.stdout
        told = [json.loads(listening.stdout.readline()) for _ in keys]
        assert {each["data"]["object"]["uniqueness_key"] for each in told} == keys
        assert stack.ok("webhooks", "show", webhook, "--json").json()["webhook"]["is_enabled"]
        stack.ok("webhooks", "test", webhook)
        assert json.loads(listening.stdout.readline())["type"] == "webhook.test"
        listening.send_signal(signal.SIGINT)
        listening.communicate(timeout=20)
    assert listening.returncode == 130
    assert webhook not in stack.ok("webhooks", "list").stdout


@pytest.mark.slow
def test_a_webhook_by_hand(stack: Command) -> None:
    """Made, changed, rotated and deleted; what cannot be is told with its reason."""
    made = stack.ok("webhooks", "create", "https://example.com/hooks", "--types", "invoice.finalized", "--json").json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in stack.ok("webhooks", "list", "--json").json()[0]
    assert stack.ok("webhooks", "rotate", made["id"], "--json").json()["secret"] != made["secret"]
    assert "is enabled" in stack.ok("webhooks", "change", made["url"], "--off").stdout
    assert "may not go to 10.0.0.1" in stack("webhooks", "create", "https://10.0.0.1/").stderr
    assert "must begin with https" in stack("webhooks", "create", "example.com").stderr
    assert "there is no event type" in stack("webhooks", "create", "https://a.example/", "--types", "a.b").stderr
    assert "say which" in stack("webhooks", "resend", made["id"]).stderr
    assert "nothing to change" in stack("webhooks", "change", made["id"]).stderr
    stack.ok("webhooks", "delete", made["id"])
    assert f"there is no webhook {made['id']}" in stack("webhooks", "show", made["id"]).stderr
