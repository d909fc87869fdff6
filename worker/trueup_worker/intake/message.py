"""What the queue delivers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from trueup.limits import DELIVERIES_MAX
from trueup.settings import Settings
from trueup.store.requests.kept_envelopes import digest_of_digests
from trueup.wire.message.names import ATTEMPT_HEADER, SIGNATURE_HEADER
from trueup.wire.message.signature import Digests, digests_of

_ATTEMPT = re.compile("[1-9][0-9]{0,3}", re.ASCII)


@dataclass(frozen=True)
class Message:
    """One delivery of one envelope, unread.

    Attributes:
        meta: the task's first argument, as received.
        requests: the task's second argument, as received.
        signature: the `trueup-signature` header, if there is one.
        attempt: which try this is, from 1: workers that failed, and live, send it back under the next number.
        deliveries: how often the broker noted it, this time included, where workers died before their task began.
    """

    task: str
    meta: str
    requests: str
    signature: str | None
    attempt: int = 1
    deliveries: int = 1

    @cached_property
    def digests(self) -> Digests:
        """What its signature vouches for."""
        return digests_of(self.meta, self.requests)

    @cached_property
    def digest(self) -> bytes:
        """What the envelope is known by."""
        return digest_of_digests(self.digests)


def is_envelope(arguments: Sequence[Any]) -> bool:
    """Whether a task's arguments are an envelope's: meta and requests."""
    return len(arguments) == 2 and all(isinstance(part, str) for part in arguments)


def message_of(task: str, arguments: Sequence[str], headers: Mapping[str, Any], *, deliveries: int = 1) -> Message:
    """An envelope with what its headers say of it."""
    meta, requests = arguments
    signature, attempt = headers.get(SIGNATURE_HEADER), str(headers.get(ATTEMPT_HEADER, ""))
    return Message(
        task,
        meta,
        requests,
        signature if isinstance(signature, str) else None,
        attempt=min(int(attempt), DELIVERIES_MAX) if _ATTEMPT.fullmatch(attempt) else 1,
        deliveries=deliveries,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """An envelope that was admitted and read: whose requests these are, and how they came.

    Attributes:
        size: how many requests the envelope holds.
        deliveries: how often it was delivered, this time included, since a worker last gave it back: all but this one
            ended with their worker's death.
        anew_before: refusals of before this instant are judged anew; None: none is.
        is_heavy: whether it is decided part by part, so that some of it may be there.
    """

    account_id: int
    batch_id: UUID | None
    message: Message
    size: int
    deliveries: int
    settings: Settings
    anew_before: datetime | None = None
    is_heavy: bool = False

    @property
    def number(self) -> int:
        """Which delivery this is in all, from 1."""
        return self.message.attempt + self.deliveries - 1
