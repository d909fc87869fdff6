"""A file that is there whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, and put it there once all is written; what raises leaves what was there before.

    A pipe or a device is written to as it is.

    Raises:
        OSError: the folder is not there, or may not be written to.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as straight:
            yield straight
        return
    place = path.resolve() if path.is_symlink() else path
    if place.is_dir():
        raise IsADirectoryError(21, "is a folder: name a file in it", str(path))
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
