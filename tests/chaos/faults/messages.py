"""What waits on the queues is delivered more than once, or in another order."""

import json
from contextlib import suppress
from random import Random

from tests.chaos.faults.fault import Fault
from tests.chaos.world import World
from tests.messages import Message
from trueup.ids import new_id
from trueup.wire.message.names import QUEUE_BULK, QUEUE_SINGLE
from trueup_worker.celery.form import read_element
from trueup_worker.celery.refusal import Refused

_SHUFFLE = """
local all = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
math.randomseed(ARGV[1])
for i = #all, 2, -1 do
    local j = math.random(i)
    all[i], all[j] = all[j], all[i]
end
for _, message in ipairs(all) do redis.call('RPUSH', KEYS[1], message) end
return #all
"""


def deliver_again(world: World, rng: Random) -> str:
    """Messages that wait are put on the queue again, so that each is delivered two to five times."""
    copies = 0
    for queue in (QUEUE_SINGLE, QUEUE_BULK):
        waiting = waiting_on(world, queue)
        for message in rng.sample(waiting, min(len(waiting), 20)):
            for _ in range(rng.randint(1, 4)):
                rng.choice([world.broker.lpush, world.broker.rpush])(queue, _copy(message))
                copies += 1
    return f"{copies} copies"


def reorder_queue(world: World, rng: Random) -> str:
    """What waits is shuffled."""
    shuffle = world.broker.register_script(_SHUFFLE)
    moved = sum(shuffle(keys=[queue], args=[rng.randrange(2**31)]) for queue in (QUEUE_SINGLE, QUEUE_BULK))
    return f"{moved} envelopes"


KINDS: tuple[Fault, ...] = (
    deliver_again,
    reorder_queue,
)


def waiting_on(world: World, queue: str) -> list[Message]:
    """The messages that wait there; another fault may have put there what is none."""
    messages = []
    for element in world.broker.lrange(queue, 0, -1):
        with suppress(Refused):
            read_element(element)
            messages.append(json.loads(element))
    return messages


def _copy(message: Message) -> str:
    """The same message as the broker would deliver it a second time: under a delivery tag of its own."""
    return json.dumps({**message, "properties": {**message["properties"], "delivery_tag": str(new_id())}})
