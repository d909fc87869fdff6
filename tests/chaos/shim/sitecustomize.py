"""Imported by Python at its start, where this folder is on its path: the time of day is off by what a file says.

Everything that our processes ask the time by goes through `time.time` (kombu, Celery, the transport) or `utc_now` (all
that is ours). The file is mapped, so that all of them, forks included, notice at once, and none can hang on it.
"""

import mmap
import os
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path

from trueup import clock

FORMAT = "=d"
VARIABLE = "TRUEUP_CHAOS_CLOCK"


def _set_apart(file: Path) -> None:
    """From now on time is what this file says."""
    with file.open("rb") as opened:
        off = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
    time_of_day, utc_now = time.time, clock.utc_now

    def shifted_time() -> float:
        return time_of_day() + float(struct.unpack(FORMAT, off[:])[0])

    def shifted_now() -> datetime:
        return utc_now() + timedelta(seconds=struct.unpack(FORMAT, off[:])[0])

    vars(time)["time"] = shifted_time
    vars(clock)["utc_now"] = shifted_now


if VARIABLE in os.environ:
    _set_apart(Path(os.environ[VARIABLE]))
