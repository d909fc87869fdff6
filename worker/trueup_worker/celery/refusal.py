"""Refusal of a message before any task."""

from trueup.store.requests.parking import Reason


class Refused(Exception):
    """A message is not what it ought to be: it is parked.

    Attributes:
        reason: under which it is parked.
        beginning: of its body, where it is too large to be kept whole.
    """

    def __init__(self, reason: Reason, detail: str, *, beginning: bytes | None = None) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.beginning = beginning
