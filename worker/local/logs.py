"""Log files of a bounded size, written by children directly and read from the outside.

No pipe stands between a child and its log: a supervisor that hangs or dies neither blocks nor breaks what it started.
"""

import os
import shutil
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
        """The file for a child to append to, made with mode 0600."""
        self.cap()
        return os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")

    def new_lines(self) -> list[bytes]:
        """The whole lines that were added since the last call."""
        if self._size() == self._read_to:
            return []
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            added = file.read(_READ_BYTES_MAX)
        whole = added.rfind(b"\n") + 1 or (len(added) if len(added) == _READ_BYTES_MAX else 0)
        self._read_to += whole
        return added[:whole].splitlines()

    def cap(self, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        """Moves what has been written aside when it is too much, in place of what was moved aside before.

        The file itself is emptied, not replaced: children hold it open, and append.
        """
        if self._size() > bytes_max:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)
            self._read_to = 0

    def tail(self, *, lines_max: int = 15) -> str:
        """The last lines, for an error message."""
        if not self._size():
            return "(nothing was logged)"
        with self.path.open("rb") as file:
            file.seek(max(0, self._size() - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-lines_max:])

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0
