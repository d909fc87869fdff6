"""Where the servers of the tests keep their files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE = "TEST_SERVERS_PLACE"  # names another place
_MEMORY = Path("/dev/shm")
_ROOM_BYTES_MIN = 3 << 30


def servers_place() -> Path:
    """The folder above: in memory where there is room, as hundreds of databases live there for a second each."""
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
