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
        server_cpu: of the server process of the database.
        cpu: here and there.
        waited: for a processor, here and there, perhaps at the same time.
    """

    time: float
    server_cpu: float
    cpu: float
    waited: float

    @property
    def alone(self) -> float:
        """The time that it takes at least where nobody else wants the processor."""
        return max(self.time - self.waited, self.cpu)


def spent_by(connection: Connection, call: Callable[[], object]) -> Spent:
    """Make a call that works with a connection, and with nothing else."""
    driver = connection.connection.driver_connection
    assert driver is not None
    pids = (driver.info.backend_pid, os.getpid())
    before, began_s = [_scheduled(each) for each in pids], time.perf_counter()
    call()
    seconds, after = time.perf_counter() - began_s, [_scheduled(each) for each in pids]
    ran, waited = zip(
        *((now[0] - then[0], now[1] - then[1]) for then, now in zip(before, after, strict=True)), strict=True
    )
    return Spent(seconds, ran[0], sum(ran), sum(waited))


def _scheduled(pid: int) -> tuple[float, float]:
    ran_ns, waited_ns, _ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(ran_ns) / 1e9, int(waited_ns) / 1e9
