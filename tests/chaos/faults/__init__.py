"""The kinds of fault, each family in a file of its own.

A family is a module with `KINDS`. `FAULTS` has all of them, the families in turn, so that a round meets several.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from tests.chaos.faults import (
    content,
    disks,
    feed,
    http,
    logs,
    machine,
    messages,
    odd_messages,
    parked,
    postgres,
    processes,
    transactions,
    valkey,
)
from tests.chaos.faults.fault import Fault

_FAMILIES = (
    processes,
    transactions,
    feed,
    valkey,
    postgres,
    messages,
    disks,
    machine,
    http,
    parked,
    odd_messages,
    logs,
    content,
)


def _in_turn(families: Iterable[Iterable[Fault]]) -> Iterator[Fault]:
    """One of each family, then the next of each."""
    return (kind for kind in chain.from_iterable(zip_longest(*families)) if kind is not None)


FAULTS: tuple[Fault, ...] = tuple(_in_turn(family.KINDS for family in _FAMILIES))
