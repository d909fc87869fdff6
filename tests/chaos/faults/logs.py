"""Where processes log there is no room, and then there is again."""

from random import Random

from tests.chaos.disk import unwritable
from tests.chaos.faults.fault import Fault
from tests.chaos.faults.postgres import terminate_backends
from tests.chaos.waiting import last
from tests.chaos.world import World

_FULL_S = 2.0


def fill_disk_of_logs(world: World, rng: Random) -> str:
    """No process can write a line while connections are cut, which all of them would tell; none ends for it."""
    running = world.processes([*world.lineup.worker_names, *world.lineup.scheduler_names, *world.lineup.gateway_names])
    with unwritable(running.values()):
        cut = terminate_backends(world, rng)
        last(_FULL_S)
        ended = [name for name, process in running.items() if not process.is_running()]
    assert not ended, f"{', '.join(ended)} ended when nothing could be logged"
    return f"{len(running)} processes for {_FULL_S:.0f} s, connections cut: {cut}"


KINDS: tuple[Fault, ...] = (fill_disk_of_logs,)
