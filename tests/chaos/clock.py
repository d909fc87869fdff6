"""The clock of our processes, which can be set: the machine's own is everybody's.

Workers, schedulers, gateways and producers are started with a module on their path that shifts what they take for the
time of day by what a file says. Postgres and Valkey keep the machine's clock, as on hosts whose clocks disagree. What
only measures (the monotonic clock) is not touched: no step of a clock touches it.
"""

import struct
from pathlib import Path

from tests.chaos.shim.sitecustomize import FORMAT, VARIABLE

_SHIM = Path(__file__).parent / "shim"


class Clock:
    """Right at first.

    Args:
        file: says by how much it is off, to every process that maps it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(struct.pack(FORMAT, 0.0))

    def set(self, off_s: float) -> None:
        """From now on it is so many seconds ahead of the machine's."""
        with self._file.open("r+b", buffering=0) as opened:
            opened.write(struct.pack(FORMAT, off_s))

    def environ(self, root: Path) -> dict[str, str]:
        """What a process that runs in `root` is started with."""
        return {VARIABLE: str(self._file), "PYTHONPATH": f"{_SHIM}:{root}"}
