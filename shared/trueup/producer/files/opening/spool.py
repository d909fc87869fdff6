"""Copies of what can be read only once: standard input, a pipe, a device."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from trueup.producer.files.opening.text_encoding import is_text
from trueup.producer.files.opening.workbook_file import ZIP_MAGIC

_CHUNK_BYTES = 1024 * 1024
_WHOLE = (b"\x1f\x8b", ZIP_MAGIC)


@contextmanager
def spooled(stream: BinaryIO, *, encoding: str | None = None) -> Iterator[Path]:
    """Copy a stream to a temporary file, and close it.

    A stream that is binary at its beginning is copied no further: `/dev/zero` has no end, and is refused.

    Args:
        stream: what is copied.
        encoding: of its text, if it is not UTF-8.
    """
    with tempfile.NamedTemporaryFile(prefix="trueup-spooled-") as copy:
        with stream:
            chunk = stream.read(_CHUNK_BYTES)
            is_whole = chunk.startswith(_WHOLE) or is_text(chunk, encoding)
            while chunk:
                copy.write(chunk)
                chunk = stream.read(_CHUNK_BYTES) if is_whole else b""
        copy.flush()
        yield Path(copy.name)
