"""XML of a workbook's part, element after element, in little memory however large or odd it is."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import Element

from trueup.producer.files.opening.workbook_file import UnreadableWorkbook
from trueup.producer.files.tables.extra import iterparse

_TEXT_BYTES_MAX = 4 * 1024 * 1024  # between two elements
_DEPTH_MAX = 64


class _Bounded:
    """A stream of which no more than so many bytes are read without an element."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.read_bytes = stream, 0

    def read(self, size_bytes: int = -1) -> bytes:
        piece = self._stream.read(size_bytes)
        self.read_bytes += len(piece)
        if self.read_bytes > _TEXT_BYTES_MAX:
            raise UnreadableWorkbook(f"is a workbook with a cell of more than {_TEXT_BYTES_MAX} bytes")
        return piece


def elements_named(stream: IO[bytes], name: str, *, inner_max: int, too_many: str) -> Iterator[Element]:
    """The elements of one name, each whole until the next one is asked for.

    Args:
        stream: the XML.
        name: without its namespace.
        inner_max: how many elements one has inside at most, and how many others stand before it.
        too_many: what a workbook is that has more.

    Raises:
        UnreadableWorkbook: it is larger than a spreadsheet makes any.
        ParseError, DefusedXmlException: it is no XML, or has what no workbook has.
    """
    bounded = _Bounded(stream)
    open_elements: list[Element] = []
    found: Element | None = None
    inner = 0
    for event, element in iterparse(bounded, events=("start", "end"), forbid_dtd=True):
        bounded.read_bytes = 0
        if event == "start":
            open_elements.append(element)
            inner += 1
            if inner > inner_max or len(open_elements) > _DEPTH_MAX:
                raise UnreadableWorkbook(f"is a workbook with {too_many}")
            if found is None and local_name(element.tag) == name:
                found, inner = element, 0
            continue
        open_elements.pop()
        if found is not None and element is found:
            yield found
            found = None
        if found is None:
            inner = 0
            element.clear()
            if open_elements:
                open_elements[-1].clear()


def local_name(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def text_of(element: Element) -> str:
    """The text of a cell, as it stands there, without what is written above it to be read aloud."""
    parts = []
    for part in element:
        name = local_name(part.tag)
        if name == "t":
            parts.append(part.text or "")
        elif name == "r":
            parts += [run.text or "" for run in part if local_name(run.tag) == "t"]
    return "".join(parts)
