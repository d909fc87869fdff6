"""The machine itself: it restarts, or its clock is set."""

from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.waiting import last
from tests.chaos.world import World

_OFF_S = (-30.0, 240.0)  # back as after a correction; forth within what a signature may be ahead
_STEP_S = 2.0
_LOST_BYTES_MAX = 4_000  # of Valkey's log, which is written to the disk once a second


def reboot(world: World, rng: Random) -> str:
    """Everything ends at once, services included; what Valkey wrote last is lost, and all of it is started again."""
    lost = rng.randrange(_LOST_BYTES_MAX)
    world.broker_forgot = True
    world.kill_everything(meanwhile=lambda: _cut_log_of_valkey(world, lost))
    world.wait_until_up()
    return f"{lost} bytes of Valkey's log lost"


def step_clock(world: World, rng: Random) -> str:
    """The clock of all processes is set back or forth, and right again after a while; the services' clocks stay.

    A worker is killed meanwhile: what it held must not wait until the clock that it had then has come.
    """
    off_s, name = rng.choice(_OFF_S), rng.choice(world.lineup.commit_workers)
    try:
        world.clock.set(off_s)
        last(_STEP_S)
        world.kill(name)
    finally:
        world.clock.set(0)
    return f"{off_s:+.0f} s and back; {name} killed"


def _cut_log_of_valkey(world: World, size: int) -> None:
    log = max(world.folder.valkey.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)
    with log.open("r+b") as opened:
        opened.truncate(max(0, log.stat().st_size - size))


KINDS: tuple[Fault, ...] = (
    reboot,
    step_clock,
)
