"""Lanes: the calls that may travel together, and when the next envelope of them is sent."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from trueup_worker.gateway.enqueue.pending_request import PendingRequest
from trueup_worker.gateway.limits import ENVELOPES_MAX, TOKENS_MAX, TURN_SECONDS_MAX

Manner = Literal["wait", "keep"]  # for the outcome; or only until it is kept
Key = tuple[str, str, Manner]  # a token's id, a queue, and what the calls want


@dataclass(slots=True)
class Lane:
    """The calls of one token that want the same: while envelopes are being sent and decided, the next one gathers.

    Attributes:
        queue: where their envelopes go.
        waiting: calls that are not sent yet.
        undecided: envelopes that are sent; done when all their calls are answered.
        mover: sees to `waiting` until it is done, however it ends.
    """

    queue: str
    waiting: list[PendingRequest] = field(default_factory=list)
    undecided: list[asyncio.Future[None]] = field(default_factory=list)
    mover: asyncio.Task[None] | None = None

    @property
    def is_moving(self) -> bool:
        """Tell whether somebody sees to `waiting`."""
        return self.mover is not None and not self.mover.done()

    def take(self) -> list[PendingRequest]:
        """All that wait; they are the taker's now."""
        taken, self.waiting = self.waiting, []
        return taken

    async def turn(self) -> None:
        """Return when it is reasonable to send another envelope: what gathers meanwhile costs as much as one call.

        An envelope that takes its time, as when its worker died, holds the others up for a moment only.
        """
        self.undecided = [each for each in self.undecided if not each.done()]
        if len(self.undecided) >= ENVELOPES_MAX:
            done, _ = await asyncio.wait(self.undecided, timeout=TURN_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                del self.undecided[0]


class Lanes:
    """The lanes of a process: as many as tokens are remembered, and those that move."""

    def __init__(self) -> None:
        self._lanes: dict[Key, Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def of(self, key: Key) -> Lane:
        """The lane of a token, a queue and a manner; one that nobody uses makes room for it."""
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= TOKENS_MAX:
                self._lanes = {each: lane for each, lane in self._lanes.items() if lane.is_moving}
            _, queue, _ = key
            lane = self._lanes[key] = Lane(queue)
        return lane
