"""Message as the queue delivers it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from trueup.limits import CALL_IDS_CHARS_MAX, DELIVERIES_MAX
from trueup.store.requests.kept_envelopes import digest_of_digests
from trueup.wire.message.names import ATTEMPT_HEADER, REQUEST_ID_HEADER, SIGNATURE_HEADER
from trueup.wire.message.signature import Digests, digests_of

_ATTEMPT = re.compile("[1-9][0-9]{0,3}", re.ASCII)
_CALL_IDS = re.compile(f"[A-Za-z0-9._:,-]{{1,{CALL_IDS_CHARS_MAX}}}", re.ASCII)


@dataclass(frozen=True)
class Message:
    """One delivery of one envelope, unread.

    Attributes:
        meta: the task's first argument, as received.
        requests: the task's second argument, as received.
        signature: the `trueup-signature` header, if there is one.
        attempt: which try this is, from 1: workers that failed, and live, send it back under the next number.
        deliveries: how often the broker noted it, this time included, where workers died before their task began.
        request_id: of the calls that it came from, with commas between; None: of none, or none that a log can hold.
    """

    task: str
    meta: str
    requests: str
    signature: str | None
    attempt: int = 1
    deliveries: int = 1
    request_id: str | None = None

    @cached_property
    def digests(self) -> Digests:
        """Digests that its signature vouches for."""
        return digests_of(self.meta, self.requests)

    @cached_property
    def digest(self) -> bytes:
        """Digest by which the envelope is known."""
        return digest_of_digests(self.digests)


def is_envelope(arguments: Sequence[Any]) -> bool:
    """Tell whether a task's arguments are an envelope's: meta and requests."""
    return len(arguments) == 2 and all(isinstance(part, str) for part in arguments)


def message_of(task: str, arguments: Sequence[str], headers: Mapping[str, Any], *, deliveries: int = 1) -> Message:
    """An envelope with what its headers say of it."""
    meta, requests = arguments
    signature, attempt = headers.get(SIGNATURE_HEADER), str(headers.get(ATTEMPT_HEADER, ""))
    calls = headers.get(REQUEST_ID_HEADER)
    return Message(
        task,
        meta,
        requests,
        signature if isinstance(signature, str) else None,
        attempt=min(int(attempt), DELIVERIES_MAX) if _ATTEMPT.fullmatch(attempt) else 1,
        deliveries=deliveries,
        request_id=calls if isinstance(calls, str) and _CALL_IDS.fullmatch(calls) else None,
    )
