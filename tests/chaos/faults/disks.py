"""Disks are full, and are freed."""

from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.waiting import last
from tests.chaos.world import World

_FULL_S = 2.0


def fill_disk_of_postgres(world: World, _: Random) -> str:
    """Postgres has no room for its files: statements fail, then it ends, and cannot start before there is room."""
    return _fill(world, "Postgres")


def fill_disk_of_valkey(world: World, _: Random) -> str:
    """Valkey cannot write its log: it refuses whatever changes anything."""
    return _fill(world, "Valkey")


def _fill(world: World, service: str) -> str:
    with world.disks[service].full(world.members(service)):
        last(_FULL_S)
    return f"for {_FULL_S:.0f} s"


KINDS: tuple[Fault, ...] = (
    fill_disk_of_postgres,
    fill_disk_of_valkey,
)
