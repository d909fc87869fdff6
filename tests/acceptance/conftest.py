"""One running stack for all tests of the command, started and stopped by the command itself."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Command
from tests.conftest import DATA

CATALOG = DATA / "cases" / "catalog.json"


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that Postgres can reach when the tests run as root: pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="trueup-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(open_folder: Path) -> Iterator[Command]:
    """The command beside a running stack whose default account has the catalog of the cases."""
    command = Command(open_folder / "data", open_folder)
    command.ok("up", "--detach", "--ready-file", open_folder / "ready.json")
    try:
        command.ok("catalog", "load", CATALOG)
        yield command
    finally:
        command.ok("down")
