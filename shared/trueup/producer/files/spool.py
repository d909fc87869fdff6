"""Copies of what can be read only once: standard input, a pipe, a device."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """Copy a stream to a temporary file, and close it.

    A stream that is binary at its beginning is copied no further: `/dev/zero` has no end.
    """
    with tempfile.NamedTemporaryFile(prefix="trueup-spooled-") as copy:
        with stream:
            chunk = stream.read(_CHUNK_BYTES)
            is_text = chunk.startswith(_GZIP_MAGIC) or b"\0" not in chunk
            while chunk:
                copy.write(chunk)
                chunk = stream.read(_CHUNK_BYTES) if is_text else b""
        copy.flush()
        yield Path(copy.name)
