"""Where the servers of the tests keep their files, and what of a run is still there when it has ended."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from trueup_worker.local.servers.server import stop_processes

PLACE = "TEST_SERVERS_PLACE"  # names another place
_MEMORY = Path("/dev/shm")
_ROOM_BYTES_MIN = 3 << 30


def servers_place() -> Path:
    """Where folders for servers are made: in memory if there is room, as most databases live there for a second."""
    if named := os.environ.get(PLACE):
        return Path(named)
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES_MIN
    return _MEMORY if has_room and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def servers_folder() -> Iterator[Path]:
    """An empty folder that Postgres can reach when the tests run as root: pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="trueup-test-", dir=servers_place()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@contextmanager
def swept_place() -> Iterator[None]:
    """A place for a whole run, which ends with all processes that were told of it or work in it.

    The processes of an interrupted run may have had no time to stop their servers.
    """
    with pytest.MonkeyPatch.context() as environ, servers_folder() as folder:
        environ.setenv(PLACE, str(folder))
        yield
        stop_processes([process for process in psutil.process_iter() if _belongs_to(process, folder)])


def _belongs_to(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error, OSError):
        is_told = process.environ().get(PLACE) == str(folder)
        return process.pid != os.getpid() and (is_told or Path(process.cwd()).is_relative_to(folder))
    return False
