"""Typesetter: sets documents as PDF in a process of its own, one at a time, each with a limit of time."""

import json
import os
import select
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from threading import Lock
from types import TracebackType
from typing import Literal, Self

from trueup.errors import TrueupError
from trueup.extras import MissingExtra
from trueup.limits import TYPESETTING_S
from trueup_worker.documents.view import Document

_READ_BYTES = 1 << 16
_TOLD_CHARS_MAX = 200
_DOCUMENTS_MAX = 2_000  # of one process: what it remembers of them goes with it


class NotSet(TrueupError):
    """The document cannot be set as PDF, or took too long; its page can be had."""

    code = "unavailable"


class Typesetter:
    """A typesetter, whose process begins with the first document and ends with the last.

    Args:
        seconds: that one document may take.
    """

    def __init__(self, seconds: float = TYPESETTING_S) -> None:
        self._seconds, self._lock = seconds, Lock()
        self._folder: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._set = 0

    def pdf(
        self,
        document: Document,
        *,
        kind: Literal["pdf", "png"] = "pdf",
        tell: Callable[[str], object] = lambda _: None,
    ) -> bytes:
        """PDF of a document; the same document gives the same bytes, by the same typst and fonts.

        Args:
            document: what it shows.
            kind: a picture of the first page instead.
            tell: is told of characters that no font has here: they stand as empty boxes, and the PDF is none for
                archives.

        Raises:
            MissingExtra: typst is not installed.
            NotSet: it takes too long or too much memory, or typst finds fault with it.
        """
        told = asdict(document) | {"logo": b64encode(document.logo).decode() if document.logo else None, "format": kind}
        line = json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\n"
        with self._lock:
            if self._set >= _DOCUMENTS_MAX:
                self.close()
            content, lacking = self._answer(line)
        if lacking:
            tell(f"{document.file_name}: {lacking}")
        return content

    def close(self) -> None:
        """End the process."""
        process, self._process, self._set = self._process, None, 0
        if process is not None:
            process.kill()
            process.communicate()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _answer(self, line: bytes) -> tuple[bytes, str]:
        process = self._running()
        is_done = False
        try:
            what, content, told = _Exchange(process, time.monotonic() + self._seconds).answer(line)
            is_done, self._set = True, self._set + 1
        except (BrokenPipeError, EOFError):
            raise NotSet("this document takes more memory than it may: see its page instead") from None
        except TimeoutError:
            raise NotSet(f"this document takes more than {self._seconds:g} s to set: see its page instead") from None
        finally:
            if not is_done:
                self.close()
        if what != "pdf":
            raise NotSet(f"this document cannot be set: {told[:_TOLD_CHARS_MAX]}")
        return content, told[:_TOLD_CHARS_MAX]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            if find_spec("typst") is None:
                raise MissingExtra("a PDF needs typst: pip install 'trueup[pdf]'", name="typst")
            self._folder = TemporaryDirectory(prefix="trueup-typst-")
            command = [sys.executable, "-m", "trueup_worker.documents.typst_process", self._folder.name]
            paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=paths, bufsize=0
            )
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe
                os.set_blocking(pipe.fileno(), False)
        return self._process


class _Exchange:
    """A line to the process and its answer, until a deadline.

    Raises:
        TimeoutError: it has passed.
        EOFError: the process has ended.
    """

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        assert process.stdin
        assert process.stdout
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._deadline, self._read = deadline, b""

    def answer(self, line: bytes) -> tuple[str, bytes, str]:
        """Send a line; returns what it is answered with."""
        rest = memoryview(line)
        while rest:
            self._await(self._in, select.POLLOUT)
            rest = rest[os.write(self._in, rest[:_READ_BYTES]) :]
        while b"\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\n")
        what, size, told_size = head.decode().split()
        parts, missing = [self._read], int(size) + int(told_size) - len(self._read)
        while missing > 0:
            self._read = b""
            self._more()
            parts.append(self._read)
            missing -= len(self._read)
        whole = b"".join(parts)
        return what, whole[int(told_size) :], whole[: int(told_size)].decode(errors="replace")

    def _more(self) -> None:
        self._await(self._out, select.POLLIN)
        found = os.read(self._out, _READ_BYTES)
        if not found:
            raise EOFError
        self._read += found

    def _await(self, pipe: int, event: int) -> None:
        left = self._deadline - time.monotonic()
        waiting = select.poll()  # select() refuses descriptors as high as a gateway's
        waiting.register(pipe, event)
        if left <= 0 or not waiting.poll(left * 1_000):
            raise TimeoutError
