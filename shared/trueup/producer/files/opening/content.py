"""The bytes of an input: a file or standard input, plain or gzip, read line by line with flat memory.

A file may change while it is read. Every pass reads as many bytes as the file had when it was opened, and no more; at
its end `has_stayed` looks at the file again.
"""

import gzip
import os
import sys
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from io import BufferedIOBase, BufferedReader
from itertools import takewhile
from pathlib import Path, PurePath
from threading import Event
from typing import BinaryIO, ClassVar, Literal

import msgspec

from trueup.errors import ExitCode, TrueupError
from trueup.extras import MissingExtra
from trueup.limits import BODY_BYTES_MAX, RAW_EXCERPT_BYTES
from trueup.producer.files.opening.json_beginning import is_json_document
from trueup.producer.files.opening.spool import spooled
from trueup.producer.files.opening.streams import Beginning, CrEnds
from trueup.producer.files.opening.text_encoding import SNIFFED_BYTES, AsUtf8, is_text, wide_encoding_of
from trueup.producer.files.opening.workbook_file import (
    UnreadableWorkbook,
    is_archive,
    refuse_old_workbook,
    require_workbook,
)
from trueup.producer.files.reading import AS_IT_STANDS, Reading

Format = Literal["jsonl", "csv", "json", "xlsx"]

Stamp = tuple[int, int, int, int, int]  # of a file: device, inode, size, and times of change in nanoseconds

LINE_BYTES_MAX = 2 * BODY_BYTES_MAX + 4 * 1024  # the largest body, its quotes twice as CSV has them, and what is around
_CHUNK_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_DIGESTED_BYTES = 4 * 1024 * 1024  # at once: between two pieces a digest waits for the thread that reads lines
_TICK_NS = 2_000_000_000  # of the coarsest file system's clock
_MAGIC_BYTES = 8
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class UnreadableInput(TrueupError):
    """The input cannot be read; the message says what to do. Nothing of it was sent.

    Attributes:
        problem: its code in an answer over HTTP.
    """

    exit_code = ExitCode.UNREADABLE
    problem: ClassVar[str] = "file_unreadable"


class BrokenDocument(UnreadableInput):
    """The input is JSON that is no document of requests."""

    problem = "json_invalid"


class LacksLibrary(UnreadableInput):
    """The input could be read if an extra were installed; the message names it."""


class UnfitMapping(UnreadableInput):
    """The mapping does not fit the input; the message names its keys."""


class ChangedInput(UnreadableInput):
    """The input changed while it was read."""


@dataclass(frozen=True, slots=True)
class Source:
    """An input that can be read more than once.

    Attributes:
        name: what the user calls it.
        path: where its bytes are (of what can be read only once: a temporary copy).
        format: one JSON text a line, CSV, a JSON document, or a workbook.
        size_bytes: as it lay there when it was opened; of what is added later nothing is read.
        has_cr_ends: its lines end with CR alone, as old spreadsheets' do.
        reading: how it is read, as far as that was told.
        stamp: by which a later change is noticed.
    """

    name: str
    path: Path
    format: Format
    size_bytes: int
    stamp: Stamp
    has_cr_ends: bool = False
    reading: Reading = AS_IT_STANDS

    @property
    def is_table(self) -> bool:
        """Tell whether it has a header, and records of cells."""
        return self.format in ("csv", "xlsx")


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
def open_source(
    name: str | Path,
    *,
    format: Format | None = None,  # noqa: A002
    stdin: BinaryIO | None = None,
    reading: Reading = AS_IT_STANDS,
) -> Iterator[Source]:
    """Open an input for as many passes as needed.

    Args:
        name: a path, or `-` for standard input. What can be read only once (a pipe, a device) is copied to a temporary
            file first.
        format: JSONL or CSV; left out, the name's ending decides, else the first character.
        stdin: standard input, when it is not the process's own.
        reading: how it is read, as far as that was told.

    Raises:
        UnreadableInput: it is missing, a folder, not permitted, empty, binary, or no gzip where it says so.
    """
    shown, path = ("standard input", None) if str(name) == "-" else (str(name), Path(name))
    with ExitStack() as stack:
        with readable(shown):
            if path is None:
                copied = stack.enter_context(spooled(stdin or sys.stdin.buffer, encoding=reading.encoding))
            elif path.is_file() or path.is_dir() or not path.exists():
                copied = path
            else:
                copied = stack.enter_context(spooled(path.open("rb"), encoding=reading.encoding))
        yield _source(shown, copied, format or format_of_name(path), reading)


def lines(source: Source) -> Generator[Line, None, None]:
    """The lines of a source, blank ones too.

    Raises:
        UnreadableInput: the file is gone, or its gzip is cut short or corrupt.
    """
    with readable(source.name), _open(source.path, source.size_bytes, source.reading.encoding) as content:
        stream = BufferedReader(CrEnds(content), _CHUNK_BYTES) if source.has_cr_ends else content
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


def pieces(source: Source) -> Generator[bytes, None, None]:
    """The uncompressed content in UTF-8, piece by piece; raises as `lines`."""
    with readable(source.name), _open(source.path, source.size_bytes, source.reading.encoding) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def sha256_hex(source: Source, *, stop: Event) -> str:
    """SHA-256 of the uncompressed content, in hexadecimal digits.

    Args:
        source: what `open_source` opened.
        stop: set when nobody wants to know any more.

    Raises:
        UnreadableInput: as of its lines.
    """
    digest, piece = sha256(), memoryview(bytearray(_DIGESTED_BYTES))
    with readable(source.name), _open(source.path, source.size_bytes) as stream:
        while not stop.is_set() and (size_bytes := stream.readinto(piece)):
            digest.update(piece[:size_bytes])
    return digest.hexdigest()


def has_stayed(source: Source) -> bool:
    """Look at the file again, after it was read: false when it was written to since it was opened, or may have been.

    Raises:
        ChangedInput: it has grown or shrunk, or is gone.
    """
    try:
        found = source.path.stat()
    except OSError as error:
        raise ChangedInput(f"{source.name} was moved or removed while it was read ({error.strerror})") from None
    if found.st_size != source.size_bytes:
        how = "grew" if found.st_size > source.size_bytes else "shrank"
        raise ChangedInput(f"{source.name} {how} while it was read, from {source.size_bytes} to {found.st_size} bytes")
    return _stamp(found) == source.stamp


def format_of_name(path: PurePath | None) -> Format | None:
    """The format that a file's name ends with, gzip or not; None: its content tells."""
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"] if path else []
    if endings and endings[-1] in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    return "csv" if endings and endings[-1] in (".csv", ".tsv", ".tab") else None


def _long_line(number: int, piece: bytes, stream: BufferedIOBase) -> Line:
    size_bytes, end = len(piece), piece
    while not end.endswith(b"\n") and (end := stream.readline(_CHUNK_BYTES)):
        size_bytes += len(end)
    return Line(number, piece[:RAW_EXCERPT_BYTES], size_bytes)


def _source(name: str, path: Path, given: Format | None, reading: Reading) -> Source:
    with readable(name):
        if path.is_dir():
            raise UnreadableInput(f"{name} is a folder: name the files in it")
        found = path.stat()
        if _is_workbook(name, path):
            _require_workbook_options(name, reading)
            return Source(name, path, "xlsx", found.st_size, _stamp(found), reading=reading)
        if reading.sheet is not None:
            raise UnreadableInput(f"{name} has no sheets: --sheet goes with workbooks (.xlsx)")
        with _open(path, found.st_size) as stream:
            _require_text(name, stream.read(SNIFFED_BYTES), reading.encoding)
        with _open(path, found.st_size, reading.encoding) as stream:
            beginning = stream.read(SNIFFED_BYTES)
    if not beginning.removeprefix(_BOM).strip():
        raise UnreadableInput(f"{name} is empty: it needs one request a line (JSONL), or a header and records (CSV)")
    is_mapped = reading.mapping is not None
    form = given or _format_of_content(beginning, is_table=is_mapped)
    if form == "jsonl" and is_json_document(beginning):
        form = "json"
    if is_mapped and form != "csv":
        raise UnreadableInput(f"{name} is JSON, and a mapping reads tables: leave --mapping out, or export it as CSV")
    return Source(name, path, form, found.st_size, _stamp(found), _has_cr_ends(beginning), reading)


def _is_workbook(name: str, path: Path) -> bool:
    """Tell whether a file is a workbook that can be read.

    Raises:
        UnreadableInput: it is one that cannot.
    """
    with path.open("rb") as file:
        beginning = file.read(_MAGIC_BYTES)
    try:
        refuse_old_workbook(path, beginning)
        if is_archive(beginning):
            require_workbook(path)
    except UnreadableWorkbook as error:
        raise UnreadableInput(f"{name} {error}") from None
    return is_archive(beginning)


def _require_workbook_options(name: str, reading: Reading) -> None:
    """Refuse what cannot be told of a workbook, or cannot be done without the extra.

    Raises:
        UnreadableInput: it has no encoding.
        LacksLibrary: it needs an extra.
    """
    if reading.encoding is not None:
        raise UnreadableInput(f"{name} is a workbook, whose texts have no other encoding: leave --encoding out")
    try:
        import_module("trueup.producer.files.tables.extra")
    except MissingExtra as error:
        raise LacksLibrary(f"{name} cannot be read: {error}") from None


def _require_text(name: str, beginning: bytes, encoding: str | None) -> None:
    """Refuse what is no text in its encoding.

    Raises:
        UnreadableInput: with what to do.
    """
    if encoding is None and (wide := wide_encoding_of(beginning)):
        raise UnreadableInput(
            f"{name} is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8), or say --encoding {wide} where it is read"
        )
    if encoding is not None and beginning.startswith(_BOM):
        raise UnreadableInput(f"{name} is UTF-8, as its first bytes say, and not {encoding}: leave --encoding out")
    if not is_text(beginning, encoding):
        told = "" if encoding is None else f", or text in another encoding than {encoding}"
        raise UnreadableInput(f"{name} is a binary file{told}: save it as JSONL or CSV in UTF-8")


def _stamp(found: os.stat_result) -> Stamp:
    """Stamp of a file; of one that was written to just now it differs every time, as times are no finer than a tick."""
    if time.time_ns() - found.st_ctime_ns < _TICK_NS:
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, -time.monotonic_ns())
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _has_cr_ends(beginning: bytes) -> bool:
    return b"\n" not in beginning and b"\r" in beginning[:-1]


def _format_of_content(beginning: bytes, *, is_table: bool) -> Format:
    text = beginning.removeprefix(_BOM).lstrip()
    if text.startswith((b"{", b"[")):
        return "jsonl"
    if is_table:
        return "csv"
    lines = [line.lstrip() for line in text.splitlines()]
    if not any(line.startswith((b"{", b"[")) for line in lines):
        return "csv"
    above = takewhile(lambda line: not line.startswith(b"{"), lines)
    return "csv" if any(b"customer_id" in line for line in above) else "jsonl"


@contextmanager
def _open(path: Path, size_bytes: int, encoding: str | None = None) -> Iterator[BufferedIOBase]:
    with ExitStack() as stack:
        file = stack.enter_context(BufferedReader(Beginning(path, size_bytes), _CHUNK_BYTES))
        stream: BufferedIOBase = file
        if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            stream = stack.enter_context(gzip.GzipFile(fileobj=file))
        yield stream if encoding is None else BufferedReader(AsUtf8(stream, encoding), _CHUNK_BYTES)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Read an input.

    Args:
        name: what the user calls it.

    Raises:
        UnreadableInput: it is missing or damaged, or the system does not let it be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise UnreadableInput(f"{name} does not exist: check the path (working folder: {os.getcwd()})") from None  # noqa: PTH109
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableInput(f"{name} is gzip, but cut short or corrupt ({error}): make it again") from None
    except OSError as error:
        raise UnreadableInput(f"{name} cannot be read: {error.strerror or error}") from None
