"""A service's own file system, which can be full.

As root it is a tmpfs: it is made as small as what lies in it, and large again, so that nothing need be written to fill
it. Otherwise the service's processes may not write into files for a while, which both services take as they take a full
disk (Postgres ends at once, and what is started after it may write again).
"""

import os
import resource
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from tests.chaos.waiting import wait_for

_SIZE = "2g"
_SHRINK_SECONDS_MAX = 10.0


class Disk:
    """The file system of the folder `place`, where a service keeps its files."""

    def __init__(self, place: Path) -> None:
        self._place = place

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Before the service is first started, until it has ended."""
        if os.geteuid() != 0:
            yield
            return
        self._place.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0711", "tmpfs", str(self._place))
        try:
            yield
        finally:
            _run("umount", "--lazy", str(self._place))

    @contextmanager
    def full(self, writers: Iterable[psutil.Process]) -> Iterator[None]:
        """Nothing can be added meanwhile.

        Args:
            writers: the service's processes, as they are now.
        """
        with self._shrunk() if os.geteuid() == 0 else unwritable(writers):
            yield

    @contextmanager
    def _shrunk(self) -> Iterator[None]:
        wait_for(self._shrink, what="a file system to be as small as its files", seconds_max=_SHRINK_SECONDS_MAX)
        try:
            yield
        finally:
            self._resize(_SIZE)

    def _shrink(self) -> bool:
        status = os.statvfs(self._place)
        return self._resize(str((status.f_blocks - status.f_bfree) * status.f_frsize))

    def _resize(self, size: str) -> bool:
        """False when more lies in it, as when something was written meanwhile."""
        argv = ["mount", "-o", f"remount,size={size}", str(self._place)]
        return subprocess.run(argv, check=False, stderr=subprocess.DEVNULL).returncode == 0


@contextmanager
def unwritable(writers: Iterable[psutil.Process]) -> Iterator[None]:
    """None of these processes can write into a file meanwhile."""
    with ExitStack() as stack:
        for writer in writers:
            stack.callback(_limit, writer, resource.RLIM_INFINITY)
            _limit(writer, 0)
        yield


def _limit(writer: psutil.Process, size: int) -> None:
    with suppress(psutil.NoSuchProcess):
        _, most = writer.rlimit(psutil.RLIMIT_FSIZE)
        writer.rlimit(psutil.RLIMIT_FSIZE, (size, most))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
