"""The guides, followed word by word from their first command to their last: what they show is what appears."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.acceptance.guide import Step, Terminal, steps_of
from tests.acceptance.installed import build_wheel
from trueup.store.postgres.roles.names import ROLES
from trueup_worker.local.servers.postgres import start_postgres
from trueup_worker.local.servers.server import free_port
from trueup_worker.local.servers.valkey import start_valkey

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "deploy/guides").glob("*.md"))
OWN_SERVERS = "own-servers"
SECONDS_MAX = 60


@pytest.fixture
def checkout(open_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A checkout as a reader has it, in which nothing has run: the examples, and an environment with the command."""
    folder = open_folder / request.node.callspec.id
    folder.mkdir(mode=0o711)
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


@pytest.fixture
def surroundings(checkout: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """What a guide takes to be there: of servers of one's own, the servers."""
    if request.node.callspec.id != OWN_SERVERS:
        yield
        return
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environ:
        postgres = start_postgres(checkout / "postgres")
        stack.callback(postgres.stop)
        valkey = start_valkey(checkout / "valkey")
        stack.callback(valkey.stop)
        admin = make_url(postgres.superuser_url).set(database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as connection:  # an embedded one has all that the guide makes
            connection.execute("DROP DATABASE trueup")
            for role in ROLES:
                connection.execute(f"DROP ROLE {role}")
        given = {
            "ADMIN_URL": admin,
            "SERVER": f"127.0.0.1:{postgres.port}",
            "BROKER_URL": valkey.url,
            "CACHE_URL": valkey.url.removesuffix("/0") + "/1",
            "PORT": str(free_port()),
            "WHEEL": str(build_wheel(checkout / "dist")),
        }
        for name, value in given.items():
            environ.setenv(name, value)
        yield


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_what_a_guide_shows_is_what_appears(guide: Path, checkout: Path) -> None:
    """Each block runs; what is not shown succeeds, what is shown appears, at once or when it has fallen due."""
    with Terminal(checkout) as terminal:
        try:
            for step in steps_of(guide.read_text(encoding="utf-8")):
                follow(step, terminal, where=f"{guide.name}:{step.line_number}")
        finally:
            terminal.run("kill $(jobs -p); wait\ncommand trueup down\n")


def follow(step: Step, terminal: Terminal, *, where: str) -> None:
    """Runs a block and compares; what it reads at its end is read again until what is due has been invoiced."""
    doing, reading = step.parts()
    done, read = terminal.run(doing), terminal.run(reading)
    if step.shown is None:
        assert done.succeeded, f"{where} failed:\n{done.text}"
        assert read.succeeded, f"{where} failed:\n{read.text}"
        return
    deadline = time.monotonic() + (SECONDS_MAX if reading else 0)
    while not step.expects(done.text + read.text):
        assert time.monotonic() < deadline, f"{where} shows\n{step.shown}\nand this appears:\n{done.text}{read.text}"
        read = terminal.run(reading)
