"""Beginning of a file, which tells a JSON document from JSON Lines."""

import re

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
WHITESPACE = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*+")
_FLAT = rb"(?:%b|[-+.0-9A-Za-z]++|\{[^{}]*+\}|\[[^\[\]]*+\])" % STRING
WRAPPED = re.compile(rb'\{\s*(?:%b\s*:\s*%b\s*,\s*)*"data"\s*:\s*\[' % (STRING, _FLAT), re.DOTALL)
_ARRAY = re.compile(rb"\[\s*\{")  # of objects: a line that is any other array is a row, and none that can be valid


def is_json_document(beginning: bytes) -> bool:
    """Tell from its beginning whether a text is a JSON document, and not JSON Lines."""
    text = WHITESPACE.sub(b"", beginning, count=1)
    if _ARRAY.match(text) or WRAPPED.match(text):
        return True
    first, _, rest = text.partition(b"\n")
    return text.startswith(b"{") and _goes_on(re.sub(STRING, b'""', first.strip()), rest.lstrip()[:1])


def _goes_on(line: bytes, following: bytes) -> bool:
    """Tell whether a JSON text goes on after this line, in which texts are empty, with a line that begins so."""
    opened = bytearray()
    for bracket in re.findall(rb"[\[\]{}]", line):
        if bracket in b"[{":
            opened += bracket
        elif opened:
            del opened[-1]
    if not following or line.count(b'"') % 2:
        return False
    if not opened:
        return line.endswith(b",")
    if line.endswith((b"{", b",")) and opened.endswith(b"{"):
        return following in b'"}'
    if line.endswith(b":"):
        return following != b"{"  # a line that was cut off, before the next request
    return line.endswith((b"{", b"[", b",")) or following in b",:]}"
