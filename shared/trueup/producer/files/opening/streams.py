"""Streams of bytes that a file's reading is made of."""

from io import BufferedIOBase, FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Beginning(FileIO):
    """The first bytes of a file, as if it ended there."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        super().__init__(path)
        self._left_bytes = size_bytes

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read on, up to the end that was given."""
        size = super().readinto(memoryview(buffer)[: self._left_bytes]) or 0
        self._left_bytes -= size
        return size


class CrEnds(RawIOBase):
    """A stream of lines that end with CR, which end with LF here."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read on."""
        piece = self._stream.read(memoryview(buffer).nbytes).replace(b"\r", b"\n")
        memoryview(buffer)[: len(piece)] = piece
        return len(piece)
