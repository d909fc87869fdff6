"""Encodings of texts other than UTF-8: which can be told, and how bytes in them become UTF-8 while they are read."""

import codecs
from io import BufferedIOBase, RawIOBase
from typing import TYPE_CHECKING

from trueup.errors import TrueupError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_UTF8 = frozenset({"utf-8", "utf-8-sig"})
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"})
_CHUNK_BYTES = 64 * 1024
_KEPT = "trueup.kept"
_LONE = 0xDC00  # a byte that is no character, as Python's `surrogateescape` writes it
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SAMPLED_BYTES = 512
SNIFFED_BYTES = 8 * 1024


class WrongEncoding(TrueupError):
    """An encoding is unknown, or none of texts."""


def require_encoding(name: str) -> str | None:
    """The standard name of an encoding; None: it is UTF-8, in which texts are read anyway.

    Raises:
        WrongEncoding: it is unknown, or none of texts in files.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except (LookupError, ValueError, UnicodeError):
        found = "undefined"
    if found.replace("_", "-") in _NO_TEXT:
        raise WrongEncoding(
            f"--encoding {name!r} is not known: cp1252 (Excel on Windows), mac_roman (Excel on a Mac), cp850, utf-16, "
            "shift_jis, or another name of https://docs.python.org/3/library/codecs.html#standard-encodings"
        )
    return None if found in _UTF8 else found


def wide_encoding_of(beginning: bytes) -> str | None:
    """The encoding of a text whose characters have two bytes each, as its beginning shows; None: it is none."""
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            return name
    sample = beginning[:_SAMPLED_BYTES]
    half = len(sample) // 2
    if half and sample[1::2].count(0) * 2 > half and not sample[::2].count(0):
        return "utf-16-le"
    return "utf-16-be" if half and sample[::2].count(0) * 2 > half and not sample[1::2].count(0) else None


def is_text(content: bytes, encoding: str | None) -> bool:
    """Tell whether a content may be text of an encoding (None: UTF-8), as its first `SNIFFED_BYTES` show."""
    beginning = content[:SNIFFED_BYTES]
    return b"\0" not in beginning if encoding is None else "\0" not in beginning.decode(encoding, "ignore")


class AsUtf8(RawIOBase):
    """A stream of text in an encoding, which is UTF-8 here; what is no character stays as bytes that are no UTF-8."""

    def __init__(self, stream: BufferedIOBase, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_KEPT)
        self._ready = memoryview(b"")
        self._has_ended = False

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read on, and decode."""
        while not self._ready and not self._has_ended:
            chunk = self._stream.read(_CHUNK_BYTES)
            self._has_ended = not chunk
            text = self._decoder.decode(chunk, final=self._has_ended)
            self._ready = memoryview(text.encode("utf-8", "surrogatepass"))
        room = memoryview(buffer)
        size_bytes = min(room.nbytes, self._ready.nbytes)
        room[:size_bytes] = self._ready[:size_bytes]
        self._ready = self._ready[size_bytes:]
        return size_bytes


def lone_byte(text: bytes, at: int) -> int | None:
    """The byte that was no character of its encoding, where it stands in what `AsUtf8` gives."""
    found = text[at : at + 3].decode("utf-8", "surrogatepass") if text[at : at + 1] == b"\xed" else ""
    return ord(found) - _LONE if found else None


def _kept(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(_LONE + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_KEPT, _kept)
