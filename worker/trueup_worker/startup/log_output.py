"""Log output by a thread of its own, so that no disk and no pipe holds up or breaks who logs.

Invariants:
    * `write` neither fails nor waits, whatever becomes of the file behind it;
    * what waits to be written is bounded; what finds no room, or cannot be written, is counted;
    * the loss is told in the log itself as soon as that takes lines again.
"""

import atexit
import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

PIECES_MAX = 2_000  # that wait to be written; with the next bound, at most 64 MiB
PIECE_CHARS_MAX = 32_768  # of one line; a longer one is cut
AGAIN_S = 1.0  # after a loss, how often it is tried to tell of it
EXIT_SECONDS_MAX = 1.0  # how long the end of the process waits for what is still to be written


def _told_plainly(lines: int) -> str:
    return f"{lines} log lines were lost\n"


class LogOutput:
    """A text stream onto a file descriptor, which it does not show: nobody writes past it.

    Args:
        fd: where to; the descriptor stays the caller's.
        tell_loss: a line, with its end, that says how many lines were lost.
    """

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self, fd: int, *, tell_loss: Callable[[int], str] = _told_plainly) -> None:
        self._fd, self._tell_loss = fd, tell_loss
        self._pieces: SimpleQueue[str] = SimpleQueue()  # may be filled from a signal's handler, while it is filled
        self._refused = self._unwritten = self._told = 0
        self._is_torn = False
        self._writer: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._begin_anew)
        atexit.register(self.finish)

    @property
    def lost_lines(self) -> int:
        """Number of lines lost so far."""
        return self._refused + self._unwritten

    def write(self, text: str) -> int:
        """Take a piece of text, which is whole lines but for what `print` and tracebacks write.

        Raises:
            TypeError: it is no text; for nothing else.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is needed, not {type(text).__name__}")
        if self._pieces.qsize() >= PIECES_MAX:
            self.lose()
        elif text:
            self._pieces.put(_bounded(text))
            if self._writer is None or not self._writer.is_alive():
                self._start()
        return len(text)

    def lose(self) -> None:
        """Count a line that could not even be written here."""
        self._refused += 1

    def flush(self) -> None:
        """Do nothing: it would have to wait."""

    def isatty(self) -> bool:
        """Tell whether a person reads it."""
        with suppress(OSError):
            return os.isatty(self._fd)
        return False

    def finish(self, *, seconds_max: float = EXIT_SECONDS_MAX) -> None:
        """Wait, not for long, until what was taken is written."""
        writer, self._writer = self._writer, None
        if writer is not None and writer.is_alive():
            self._pieces.put("")
            writer.join(seconds_max)

    def _start(self) -> None:
        self._writer = threading.Thread(target=self._write_on, name="log", daemon=True)
        with suppress(RuntimeError):  # no thread can be had now; the next line tries again
            self._writer.start()

    def _write_on(self) -> None:
        while True:
            try:
                piece = self._pieces.get(timeout=AGAIN_S if self.lost_lines > self._told else None)
            except Empty:
                self._tell()
                continue
            if not piece:
                return
            self._tell()
            if not self._written(piece):
                self._unwritten += max(1, piece.count("\n"))

    def _tell(self) -> None:
        """Log how many lines were lost since that was last said, if any were."""
        lost = self.lost_lines
        if lost > self._told and self._written(self._tell_loss(lost - self._told)):
            self._told = lost

    def _written(self, text: str) -> bool:
        """Write all of it; a line that broke off in the middle is ended first."""
        left = ("\n" * self._is_torn + text).encode(self.encoding, self.errors)
        try:
            while left:
                left = left[self._write_some(left) :]
                self._is_torn = True
        except OSError:
            return False
        self._is_torn = False
        return True

    def _write_some(self, left: bytes) -> int:
        while True:
            try:
                return os.write(self._fd, left)
            except BlockingIOError:  # somebody who shares the descriptor made it so
                select.select([], [self._fd], [])

    def _begin_anew(self) -> None:
        """In a forked process: the thread, and what waited for it, are the parent's."""
        self._pieces, self._writer = SimpleQueue(), None


def take_over_standard_streams(output: LogOutput) -> None:
    """Let all that Python itself prints in this process go the same way: tracebacks, warnings, `print`."""
    sys.stdout = sys.__stdout__ = output  # type: ignore[assignment,misc]
    sys.stderr = sys.__stderr__ = output  # type: ignore[assignment,misc]


def occupy_standard_descriptors() -> None:
    """Open those of the three that are closed, onto nothing: else the next file or socket that is opened gets one."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _bounded(text: str) -> str:
    return text if len(text) <= PIECE_CHARS_MAX else f"{text[:PIECE_CHARS_MAX]} … (cut)\n"
