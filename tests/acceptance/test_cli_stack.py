"""`up` and `down`: everything starts, answers, stops and leaves its data, whoever runs it and from wherever."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.processes import wait_for

READY_SECONDS_MAX = 90


@contextmanager
def running_up(command: Command, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`trueup up` in the foreground, killed if the test leaves it."""
    process = subprocess.Popen(
        [PROGRAM, "up", *arguments],
        env=command.surroundings(),
        cwd=command.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=READY_SECONDS_MAX)


def once_ready(file: Path, process: subprocess.Popen[str]) -> dict[str, str]:
    """What the ready file says, once it is there."""
    wait_for(lambda: file.exists() or process.poll() is not None, what="it to be ready", seconds_max=READY_SECONDS_MAX)
    assert process.poll() is None, f"ended before it was ready:\n{process.communicate()[0]}"
    found: dict[str, str] = json.loads(file.read_text())
    return found


def test_it_stays_up_until_ctrl_c_and_its_data_stays(open_folder: Path) -> None:
    """The ready file's URLs answer; a second start is refused; Ctrl-C ends with 0; a later start finds the data."""
    command = Command(open_folder / "own", open_folder)
    ready = open_folder / "own-ready.json"
    with running_up(command, "--ready-file", str(ready)) as process:
        urls = once_ready(ready, process)
        with psycopg.connect(urls["database"]) as connection:
            assert connection.execute("SELECT count(*) FROM account").fetchone() == (1,)
        for name in ("redis", "broker"):
            with redis.Redis.from_url(urls[name]) as client:
                assert client.ping()
        second = command("up")
        assert second.code == 2
        assert f"process {process.pid}" in second.stderr
        command.ok("accounts", "create", "stays")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=READY_SECONDS_MAX)
        assert process.returncode == 0, said
        assert "data stays" in said
    assert command("accounts", "list").code == 7
    command.ok("up", "--detach")
    assert [account["name"] for account in command.ok("accounts", "list", "--json").json()] == ["default", "stays"]
    command.ok("commits", "list", "--account", "stays")
    assert "data stays" in command.ok("down").stderr
    assert "nothing runs" in command.ok("down").stderr


def test_secrets_are_private(stack: Command) -> None:
    """Tokens, keys and URLs with passwords are readable by their owner only."""
    for secret in (stack.data / "tokens" / "default", stack.data / "secret_key", stack.cwd / "ready.json"):
        assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", ["/proc/trueup", "/dev/null"])
def test_a_folder_that_cannot_be_used_ends_with_2(stack: Command, data: str) -> None:
    """A data folder that cannot be made, or is a file, is refused with what to do."""
    result = stack("up", "--data", data)
    assert result.code == 2
    assert "--data" in result.stderr


def test_a_ready_file_that_cannot_be_written_is_refused_before_anything_starts(stack: Command, tmp_path: Path) -> None:
    """The mistake is found at once, not when everything runs."""
    result = stack("up", "--data", tmp_path / "data", "--ready-file", tmp_path / "no" / "folder")
    assert result.code == 2
    assert not (tmp_path / "data").exists()


def test_services_that_do_not_answer_are_named_all_at_once(stack: Command, tmp_path: Path) -> None:
    """`up` asks the services that settings name before it starts anything, and shows no password."""
    urls = {
        "TRUEUP_DATABASE_URL": "postgresql://trueup:secret@127.0.0.1:9/trueup",
        "TRUEUP_BROKER_URL": "redis://:secret@127.0.0.1:9/0",
    }
    result = stack("up", "--data", tmp_path / "data", **urls)
    assert result.code == 7
    assert all(name in result.stderr for name in urls)
    assert "secret@" not in result.stderr


def test_wrong_settings_stop_the_start(stack: Command, open_folder: Path) -> None:
    """Every wrong setting is named, and nothing is left running."""
    result = stack("up", "--data", open_folder / "wrong", TRUEUP_LOG_LEVEL="LOUD", TRUEUP_QUEUE_LIMIT="-1")
    assert result.code == 2
    assert "TRUEUP_LOG_LEVEL" in result.stderr
    assert "TRUEUP_QUEUE_LIMIT" in result.stderr
    assert "nothing runs" in stack.ok("down", "--data", open_folder / "wrong").stderr
