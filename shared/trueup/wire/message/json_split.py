"""Cuts a JSON array or object into the texts of its parts without understanding them.

For envelopes that no parser reads as a whole because one body holds NaN, a lone surrogate or 100,000 brackets: its
neighbours must not pay for it. Not recursive, and aware of strings; linear in the length of the text.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:\s*', re.DOTALL)
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


def split_array(text: bytes) -> list[bytes]:
    """The texts of an array's elements.

    Raises:
        ValueError: brackets or quotes do not match, so that nothing tells where an element ends.
    """
    return list(parts_of_array(text))


def parts_of_array(text: bytes) -> Iterator[bytes]:
    """As `split_array`, one after the other; where brackets do not match is only told at the end."""
    return _parts(text, b"[", b"]")


def split_object(text: bytes) -> list[tuple[bytes, bytes]]:
    """The members of an object: key (with its quotes) and value, as texts.

    Raises:
        ValueError: brackets or quotes do not match, or a member has no key.
    """
    members = []
    for part in _parts(text, b"{", b"}"):
        match = _MEMBER.match(part)
        if match is None:
            raise ValueError("a member has no key")
        members.append((match[1], part[match.end() :].rstrip()))
    return members


def _parts(text: bytes, opening: bytes, closing: bytes) -> Iterator[bytes]:
    text = text.strip()
    if not (text.startswith(opening) and text.endswith(closing)):
        raise ValueError(f"not enclosed in {opening.decode()} and {closing.decode()}")
    last = len(text) - 1
    start, depth = 1, 0
    for token in _TOKEN.finditer(text):
        kind, at = token[0], token.start()
        depth += _DEPTH.get(kind, 0)
        if kind == b'"' or (depth == 0 and at != last):
            raise ValueError("quotes or brackets do not match")
        if kind == b"," and depth == 1:
            yield text[start:at].strip()
            start = at + 1
    if depth != 0:
        raise ValueError("quotes or brackets do not match")
    rest = text[start:last].strip()
    if rest or start > 1:
        yield rest
