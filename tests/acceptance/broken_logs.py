"""Logs that take no lines: a full disk, a pipe whose reader has gone, a pipe that is full and that nobody reads."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KINDS = ("full disk", "closed pipe", "unread pipe")


@contextmanager
def broken_log(kind: str, log: Path) -> Iterator[Callable[[], None]]:
    """A log that is, or will be, of this kind; gives what is to be called once its process has opened it."""
    if kind == "full disk":
        log.symlink_to("/dev/full")
        yield lambda: None
        return
    os.mkfifo(log)
    end = os.open(log, os.O_RDWR | os.O_NONBLOCK)
    if kind == "unread pipe":
        _fill(end)
        yield lambda: None
        os.close(end)
    else:
        yield lambda: os.close(end)


def _fill(pipe: int) -> None:
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4_096)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b".")
