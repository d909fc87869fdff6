"""What a producer with a defect, or a stranger, puts on the queues: all of it is parked, and stops nobody."""

import json
from copy import deepcopy
from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.messages import waiting_on
from tests.chaos.world import World
from tests.fuzz.generator import odd_element
from tests.messages import Message, bomb, bombs, good_message, read_body, zstd
from trueup.wire.message.names import QUEUE_BULK, QUEUE_SINGLE

_QUEUES = (QUEUE_SINGLE, QUEUE_BULK, "invoices")
_ELEMENTS = 60
_STRANGER = "tu_stranger_" + "0" * 64
_BOMB_MEGABYTES = 100


def odd_messages(world: World, rng: Random) -> str:
    """Messages with odd headers, embeds and bodies, and elements that are none, among those that wait."""
    good = _good_messages(world)
    for _ in range(_ELEMENTS):
        _put(world, rng, odd_element(rng, rng.choice(good)))
    return f"{_ELEMENTS} elements"


def decompression_bombs(world: World, rng: Random) -> str:
    """Messages of a few kilobytes that become a hundred megabytes, under each compression."""
    good, sizes = _good_messages(world), []
    for name, body in bombs(megabytes=_BOMB_MEGABYTES):
        _put(world, rng, json.dumps(bomb(deepcopy(rng.choice(good)), name, body)).encode())
        sizes.append(len(body))
    return f"{len(sizes)} bombs, {sum(sizes):,} bytes in all"


KINDS: tuple[Fault, ...] = (odd_messages, decompression_bombs)


def _good_messages(world: World) -> list[Message]:
    """Copies of those that wait, signed as they are; a stranger's, where none does."""
    waiting = [*waiting_on(world, QUEUE_SINGLE), *waiting_on(world, QUEUE_BULK)]
    return [each for each in waiting if _is_zstd(each)] or [good_message("acme", _STRANGER)[1]]


def _is_zstd(message: Message) -> bool:
    """Whether a producer of ours made it: an odd one has another body, and what workers send back is zlib."""
    try:
        read_body(message)
    except (ValueError, zstd.ZstdError):
        return False
    return True


def _put(world: World, rng: Random, element: bytes) -> None:
    rng.choice([world.broker.lpush, world.broker.rpush])(rng.choice(_QUEUES), element)
