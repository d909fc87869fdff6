"""The service without a Procfile: each process by its command, its settings in files, as a supervisor runs it."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.command import PROGRAM, Command
from tests.acceptance.conftest import CATALOG
from tests.acceptance.gateway import CREATE
from tests.acceptance.processes import wait_for
from tests.bodies import invoiced
from tests.conftest import SECRET_KEY, RunningServices, fresh_database
from trueup_worker.cli.stack.project import project_file
from trueup_worker.local.fork_server.client import module_of
from trueup_worker.local.servers.server import free_port

COMMANDS = ("worker single", "worker bulk", "worker invoices", "worker events", "scheduler", "gateway")


@pytest.fixture
def own_servers(services: RunningServices, template: str, redis_url: str, tmp_path: Path) -> Iterator[Command]:
    """The command in a folder whose `.env` names servers of one's own; the secret key is a mounted file."""
    (tmp_path / "secret_key").write_text(f"{SECRET_KEY}\n")
    with fresh_database(services, template) as database_url:
        settings = {
            "DATABASE_URL": database_url,
            "BROKER_URL": redis_url,
            "SECRET_KEY_FILE": "secret_key",
            "SCHEDULER_INTERVAL_S": "0.1",
            "HTTP_PORT": str(free_port()),
        }
        (tmp_path / ".env").write_text("".join(f"TRUEUP_{name}={value}\n" for name, value in settings.items()))
        yield Command(tmp_path / "data", tmp_path, {"TRUEUP_READY_DIR": str(tmp_path / "ready")})


@contextmanager
def running(command: Command) -> Iterator[Mapping[str, subprocess.Popen[bytes]]]:
    """All processes, ready to take work; each ends well at a SIGTERM."""
    ready, environ = Path(command.environ["TRUEUP_READY_DIR"]), command.surroundings()
    ready.mkdir()
    log = (command.cwd / "processes.log").open("wb")
    started = {
        name: subprocess.Popen([PROGRAM, *name.split()], cwd=command.cwd, env=environ, stdout=log, stderr=log)
        for name in COMMANDS
    }
    try:
        names = {name.rpartition(" ")[2] for name in COMMANDS}
        wait_for(lambda: {path.name for path in ready.iterdir()} == names, what="all processes to be ready")
        yield started
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(30) for name, process in started.items()} == dict.fromkeys(COMMANDS, 0)
    finally:
        for process in started.values():
            process.kill()
            process.wait()
        log.close()


@pytest.mark.slow  # six processes import
def test_from_an_account_to_its_first_invoice(own_servers: Command) -> None:
    """The tokens go where they are asked for and nowhere else; a call becomes a commit, its schedule an invoice."""
    made = own_servers.ok("accounts", "create", "acme", "--tokens", "-").json()
    assert (made["account"], made["token"][:3], made["installation"][:3]) == ("acme", "tu_", "tu_")
    assert not own_servers.data.exists()
    token = made["token"]
    own_servers.ok("catalog", "load", CATALOG, TRUEUP_TOKEN=token)
    port = json.loads(own_servers.ok("config", "show", "--json").stdout)
    url = next(f"http://127.0.0.1:{each['value']}" for each in port if each["setting"] == "TRUEUP_HTTP_PORT")
    with running(own_servers), httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
        assert client.post(f"{url}{CREATE}", json=invoiced()).status_code == 200

        def invoices() -> list[object]:
            return own_servers.ok("invoices", "list", "--json", TRUEUP_TOKEN=token).json()  # type: ignore[no-any-return]

        assert len(wait_for(invoices, what="the invoice")) == 1


def test_tokens_in_a_file(own_servers: Command) -> None:
    """It is readable by its owner only; a file that cannot be written leaves no account behind."""
    refused = own_servers("accounts", "create", "acme", "--tokens", own_servers.cwd / "nowhere" / "tokens")
    assert (refused.code, "nowhere" in refused.stderr) == (2, True)
    tokens = own_servers.cwd / "tokens"
    own_servers.ok("accounts", "create", "acme", "--tokens", tokens)
    assert tokens.stat().st_mode & 0o777 == 0o600
    installation = json.loads(tokens.read_text())["installation"]
    second = own_servers.ok("accounts", "create", "other", "--tokens", "-", TRUEUP_TOKEN=installation).json()
    assert second["installation"] is None
    listed = own_servers.ok("accounts", "list", "--json", TRUEUP_TOKEN=installation).json()
    assert [each["name"] for each in listed] == ["acme", "other"]


def test_each_line_of_the_procfile_has_its_command() -> None:
    """And is one module with its arguments, which the command becomes."""
    lines = [line.partition(": ") for line in project_file("Procfile").read_text().splitlines()]
    assert {name for name, _, _ in lines} == {name.rpartition(" ")[2] for name in COMMANDS}
    assert all(module_of(command) for _, _, command in lines)


def test_settings_that_are_missing_are_told_at_once(own_servers: Command) -> None:
    """Before anything is connected to."""
    (own_servers.cwd / ".env").write_text("TRUEUP_BROKER_URL=redis://127.0.0.1:1/0\n")
    ended = own_servers("worker", "single")
    assert (ended.code, "TRUEUP_DATABASE_URL: is not set" in ended.stderr) == (2, True)
