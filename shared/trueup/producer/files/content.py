"""The bytes of an input: a file or standard input, plain or gzip, read line by line with flat memory."""

import gzip
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedIOBase, BufferedReader, FileIO
from pathlib import Path
from threading import Event
from typing import BinaryIO, Literal

import msgspec

from trueup.errors import ExitCode, TrueupError
from trueup.limits import BODY_BYTES_MAX, RAW_EXCERPT_BYTES

Format = Literal["jsonl", "csv"]

LINE_BYTES_MAX = BODY_BYTES_MAX + 4 * 1024  # the largest body, and what may stand around it
_SNIFFED_BYTES = 8 * 1024
_CHUNK_BYTES = 1024 * 1024
_DIGESTED_BYTES = 4 * 1024 * 1024  # at once: between two pieces a digest waits for the thread that reads lines
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class UnreadableInput(TrueupError):
    """The input cannot be read; the message says what to do. Nothing of it was sent."""

    exit_code = ExitCode.UNREADABLE


@dataclass(frozen=True, slots=True)
class Source:
    """An input that can be read more than once.

    Attributes:
        name: what the user calls it.
        path: where its bytes are (standard input: a temporary copy).
        format: one JSON text a line, or CSV.
    """

    name: str
    path: Path
    format: Format


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line without its end.

    Attributes:
        number: from 1.
        text: the line; of a line over `LINE_BYTES_MAX` only its first 4 KiB.
        size_bytes: of the whole line.
    """

    number: int
    text: bytes
    size_bytes: int

    @property
    def is_whole(self) -> bool:
        """Tell whether `text` is the whole content."""
        return len(self.text) == self.size_bytes


@contextmanager
def open_source(name: str | Path, *, format: Format | None = None, stdin: BinaryIO | None = None) -> Iterator[Source]:  # noqa: A002
    """Open an input for as many passes as needed.

    Args:
        name: a path, or `-` for standard input, which is spooled to a temporary file first.
        format: JSONL or CSV; left out, the name's ending decides, else the first character.
        stdin: standard input, when it is not the process's own.

    Raises:
        UnreadableInput: it is missing, a folder, not permitted, empty, binary, or no gzip where it says so.
    """
    if str(name) != "-":
        yield _source(str(name), Path(name), format)
        return
    with tempfile.NamedTemporaryFile(prefix="trueup-stdin-") as spooled:
        shutil.copyfileobj(stdin or sys.stdin.buffer, spooled, _CHUNK_BYTES)
        spooled.flush()
        yield _source("standard input", Path(spooled.name), format)


def lines(source: Source) -> Generator[Line, None, None]:
    """The lines of a source, blank ones too.

    Raises:
        UnreadableInput: the file is gone, or its gzip is cut short or corrupt.
    """
    with _reading(source.name), _open(source.path) as stream:
        number = 0
        while piece := stream.readline(LINE_BYTES_MAX):
            number += 1
            if len(piece) == LINE_BYTES_MAX and not piece.endswith(b"\n"):
                yield _long_line(number, piece, stream)
                continue
            text = piece.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1:
                text = text.removeprefix(_BOM)
            yield Line(number, text, len(text))


def sha256_hex(source: Source, *, stop: Event) -> str:
    """SHA-256 of the uncompressed content, in hexadecimal digits.

    Args:
        source: what `open_source` opened.
        stop: set when nobody wants to know any more.

    Raises:
        UnreadableInput: as of its lines.
    """
    digest, piece = sha256(), memoryview(bytearray(_DIGESTED_BYTES))
    with _reading(source.name), _open(source.path) as stream:
        while not stop.is_set() and (size_bytes := stream.readinto(piece)):
            digest.update(piece[:size_bytes])
    return digest.hexdigest()


def _long_line(number: int, piece: bytes, stream: BufferedIOBase) -> Line:
    size_bytes, end = len(piece), piece
    while not end.endswith(b"\n") and (end := stream.readline(_CHUNK_BYTES)):
        size_bytes += len(end)
    return Line(number, piece[:RAW_EXCERPT_BYTES], size_bytes)


def _source(name: str, path: Path, given: Format | None) -> Source:
    with _reading(name):
        if path.is_dir():
            raise UnreadableInput(f"{name} is a folder: name the files in it")
        with _open(path) as stream:
            beginning = stream.read(_SNIFFED_BYTES)
    if not beginning.removeprefix(_BOM).strip():
        raise UnreadableInput(f"{name} is empty: it needs one request a line (JSONL), or a header and records (CSV)")
    if b"\0" in beginning:
        raise UnreadableInput(f"{name} is a binary file, or UTF-16: save it as JSONL or CSV in UTF-8")
    return Source(name, path, given or _format(path, beginning))


def _format(path: Path, beginning: bytes) -> Format:
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    if endings and endings[-1] in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    if endings and endings[-1] == ".csv":
        return "csv"
    first_line = beginning.removeprefix(_BOM).lstrip().split(b"\n", 1)[0]
    return "csv" if b"customer_id" in first_line and not first_line.startswith((b"{", b"[")) else "jsonl"


def _open(path: Path) -> BufferedIOBase:
    with path.open("rb") as stream:
        zipped = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return gzip.open(path) if zipped else BufferedReader(FileIO(path), _CHUNK_BYTES)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UnreadableInput(f"{name} does not exist: check the path (working folder: {os.getcwd()})") from None  # noqa: PTH109
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableInput(f"{name} is gzip, but cut short or corrupt ({error}): make it again") from None
    except OSError as error:
        raise UnreadableInput(f"{name} cannot be read: {error.strerror or error}") from None
