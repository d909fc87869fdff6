"""JSON that is no JSON Lines: an array, `{"data": […]}`, or objects that stretch over several lines.

Its elements are cut out one by one, as they stand; none is
parsed here, so each is judged alone. Where the document around them is broken, nothing of it is read.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import NoReturn

from trueup.limits import BODY_BYTES_MAX
from trueup.producer.files.opening.content import BrokenDocument, Line
from trueup.producer.files.opening.json_beginning import STRING, WHITESPACE, WRAPPED

_TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:%b[^"\[\]{}]*+)*+[\[\]{}]' % STRING, re.DOTALL)
_SCALAR = re.compile(rb"(?:%b|[^\s,\[\]{}\"]++)(?=[\s,\[\]{}])" % STRING, re.DOTALL)
_MEMBER = re.compile(rb"\s*%b\s*:" % STRING, re.DOTALL)
_ELEMENT_BYTES_MAX = BODY_BYTES_MAX + 4 * 1024  # the largest body, and what may stand around it
_LOOKAHEAD_BYTES = 8 * 1024


def elements(pieces: Iterable[bytes], *, name: str) -> Generator[Line, None, None]:
    """The elements of a document, numbered from 1, each as its own text.

    Args:
        pieces: the content.
        name: what the user calls the file.

    Raises:
        BrokenDocument: the document is broken, or an element is longer than a body may be.
    """
    for number, text in enumerate(_values(_Reader(pieces, name)), start=1):
        yield Line(number, text, len(text))


def _values(reader: "_Reader") -> Iterator[bytes]:
    while following := reader.peek():
        if following == b"[":
            reader.skip(1)
            yield from _until_closed(reader)
        elif wrapped := reader.match(WRAPPED):
            reader.skip(wrapped)
            yield from _until_closed(reader)
            _skip_members(reader)
        elif following == b",":
            reader.refuse("a comma stands between two JSON texts: put [ before the first and ] after the last")
        else:
            yield reader.value()


def _until_closed(reader: "_Reader") -> Iterator[bytes]:
    """The elements of an array whose bracket was read."""
    if reader.peek() == b"]":
        reader.skip(1)
        return
    while True:
        yield reader.value()
        following = reader.peek()
        if following not in (b",", b"]"):
            reader.refuse("a comma or ] is missing after an element of the array")
        reader.skip(1)
        if following == b"]":
            return


def _skip_members(reader: "_Reader") -> None:
    """Read an object to its end, from behind the value of one of its members."""
    while (following := reader.peek()) == b",":
        reader.skip(1)
        member = reader.match(_MEMBER)
        if not member:
            reader.refuse("a member of the object has no key")
        reader.skip(member)
        reader.value()
    if following != b"}":
        reader.refuse('the object that holds "data" is not closed')
    reader.skip(1)


class _Reader:
    """A place in a text that comes in pieces."""

    def __init__(self, pieces: Iterable[bytes], name: str) -> None:
        self._pieces, self._name = iter(pieces), name
        self._text, self._at, self._line = b"", 0, 1

    def peek(self) -> bytes:
        """The next character that is no whitespace; empty at the end."""
        while True:
            self.skip(self.match(WHITESPACE))
            if self._at < len(self._text) or not self._read_on():
                return self._text[self._at : self._at + 1]

    def match(self, pattern: re.Pattern[bytes]) -> int:
        """Match a pattern with what comes next; the number of characters that it takes."""
        while len(self._text) - self._at < _LOOKAHEAD_BYTES and self._read_on():
            pass
        found = pattern.match(self._text, self._at)
        return found.end() - self._at if found else 0

    def skip(self, size_bytes: int) -> None:
        """Go on."""
        self._line += self._text.count(b"\n", self._at, self._at + size_bytes)
        self._at += size_bytes

    def value(self) -> bytes:
        """The text of the next value."""
        if self.peek() not in (b"{", b"["):
            size_bytes = self.match(_SCALAR)
            return self._taken(size_bytes or self.refuse("a value is missing, or its quotes are broken"))
        depth = size_bytes = 0
        while depth or not size_bytes:
            found = _TO_BRACKET.match(self._text, self._at + size_bytes)
            if found:
                size_bytes = found.end() - self._at
                depth += 1 if self._text[found.end() - 1] in b"{[" else -1
            elif len(self._text) - self._at > _ELEMENT_BYTES_MAX:
                self.refuse(f"a request begins here that is longer than {BODY_BYTES_MAX} bytes, or never closed")
            elif not self._read_on():
                self.refuse("a bracket or a quote opens in the request that begins here, and is never closed")
        return self._taken(size_bytes)

    def refuse(self, found: str) -> NoReturn:
        """Refuse the document for what is found here."""
        raise BrokenDocument(
            f"{self._name}, line {self._line}: {found}. A file has one request a line (JSONL), or is a JSON "
            'array of requests, or {"data": [requests]}'
        )

    def _taken(self, size_bytes: int) -> bytes:
        text = self._text[self._at : self._at + size_bytes]
        self.skip(size_bytes)
        return text

    def _read_on(self) -> bool:
        piece = next(self._pieces, b"")
        self._text, self._at = self._text[self._at :] + piece, 0
        return bool(piece)
