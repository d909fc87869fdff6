"""What the kernel's scheduler tells of a process, to the nanosecond: how long it ran, and how long it waited to.

On a machine that is another's at the same time, most of a call's time may be spent in waiting for a processor.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Spent:
    """Of a call, in seconds.

    Attributes:
        time: from its begin to its end.
        cpu: of the server process of the database.
        waited: of that time, for a processor, here and there.
    """

    time: float
    cpu: float
    waited: float

    @property
    def alone(self) -> float:
        """The time that it takes where nobody else wants the processor."""
        return self.time - self.waited


def spent_by(connection: Connection, call: Callable[[], object]) -> Spent:
    """Make a call that works with a connection, and with nothing else."""
    driver = connection.connection.driver_connection
    assert driver is not None
    here, there = os.getpid(), driver.info.backend_pid
    _, waited_here = _scheduled(here)
    ran, waited_there = _scheduled(there)
    began_s = time.perf_counter()
    call()
    seconds = time.perf_counter() - began_s
    waited = _scheduled(here)[1] - waited_here + _scheduled(there)[1] - waited_there
    return Spent(seconds, _scheduled(there)[0] - ran, waited)


def _scheduled(pid: int) -> tuple[float, float]:
    ran_ns, waited_ns, _ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(ran_ns) / 1e9, int(waited_ns) / 1e9
