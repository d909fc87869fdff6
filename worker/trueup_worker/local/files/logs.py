"""Log files of a bounded size, written by children directly and read from the outside.

No pipe stands between a child and its log: a supervisor that hangs or dies neither blocks nor breaks what it started.
Nor does a disk that is full: what cannot be logged is lost, and nothing here raises for it.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 10 * 1024 * 1024  # kept twice at most: the log and the one before it
_READ_BYTES_MAX = 1024 * 1024
_TAIL_BYTES = 16 * 1024


class LogFile:
    """One log: children append to it, `new_lines` follows it, `cap` bounds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_to = self._size()

    def open(self) -> BinaryIO:
        """The file for a child to append to, made with mode 0600; nothing in its place where it cannot be made."""
        self.cap()
        return os.fdopen(open_log(self.path), "ab")

    def new_lines(self) -> list[bytes]:
        """The whole lines that were added since the last call."""
        size = self._size()
        self._read_to = min(self._read_to, size)  # somebody may have emptied it
        if size == self._read_to:
            return []
        added = self._read(self._read_to, _READ_BYTES_MAX)
        whole = added.rfind(b"\n") + 1 or (len(added) if len(added) == _READ_BYTES_MAX else 0)
        self._read_to += whole
        return added[:whole].splitlines()

    def cap(self, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        """Move what has been written aside when it is too much, in place of what was moved aside before.

        The file itself is emptied, not replaced: children hold it open, and append. Where there is no room for a copy
        it is emptied without one: what it takes is bounded in any case.
        """
        if self._size() > bytes_max:
            aside = self.path.with_suffix(".log.1")
            try:
                shutil.copyfile(self.path, aside)
            except OSError:
                with suppress(OSError):
                    aside.unlink()
            with suppress(OSError):
                os.truncate(self.path, 0)
                self._read_to = 0

    def tail(self, *, lines_max: int = 15) -> str:
        """The last lines, for an error message."""
        if not self._size():
            return "(nothing was logged)"
        lines = self._read(max(0, self._size() - _TAIL_BYTES), _TAIL_BYTES).decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-lines_max:])

    def _read(self, start: int, bytes_max: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(bytes_max)
        except OSError:
            return b""

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def open_log(path: str | Path) -> int:
    """A descriptor to append to a log by, made with mode 0600; where that cannot be had, one that takes everything."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
