"""What the queue delivers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of one envelope, unread.

    Attributes:
        meta, requests: the task's two arguments, as received.
        signature: the `trueup-signature` header, if there is one.
        attempt: which delivery this is, from 1.
    """

    task: str
    meta: str
    requests: str
    signature: str | None
    attempt: int = 1
