"""One delivery of an envelope, admitted."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from trueup.settings import Settings
from trueup.wire.message.envelope import QueuedRequest
from trueup_worker.intake.message import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """An envelope that was admitted, or a part of one: whose requests these are, and how they came.

    Attributes:
        account_id: whose requests.
        requests: in their order: all that the envelope holds, or one part of them.
        size: how many requests the envelope holds.
        deliveries: how often it was delivered, this time included, since a worker last gave it back: all but this one
            ended with their worker's death.
        anew_before: refusals of before this instant are judged anew; None: none is.
        reply_to: the name of the account whose producer waits for the outcomes; None: nobody waits.
        sent_at: when its sender says that it sent it.
        is_heavy: whether it is decided part by part, so that some of it may be there.
    """

    account_id: int
    batch_id: UUID | None
    message: Message
    requests: list[QueuedRequest]
    size: int
    deliveries: int
    settings: Settings
    anew_before: datetime | None = None
    reply_to: str | None = None
    sent_at: datetime | None = None
    is_heavy: bool = False

    @property
    def number(self) -> int:
        """Which delivery this is in all, from 1."""
        return self.message.attempt + self.deliveries - 1

    @property
    def is_whole(self) -> bool:
        """Tell whether these are all of the envelope's requests."""
        return len(self.requests) == self.size

    @property
    def is_single(self) -> bool:
        """Tell whether this is one request, which cannot be halved."""
        return len(self.requests) == 1

    def part(self, requests: list[QueuedRequest]) -> "Delivery":
        """Some of its requests."""
        return replace(self, requests=requests)

    def halves(self) -> tuple["Delivery", "Delivery"]:
        """Its requests in two parts."""
        middle = len(self.requests) // 2
        return self.part(self.requests[:middle]), self.part(self.requests[middle:])
