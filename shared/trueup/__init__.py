"""The library of Trueup: what producers import, and what every process is made of.

What stands in `__all__` is imported when it is first asked for, so that the package itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.errors import Unavailable
    from trueup.producer.async_client import AsyncCommitProducer
    from trueup.producer.bodies import InvalidRequest
    from trueup.producer.client import CommitProducer
    from trueup.producer.messages import Message, sign, write_messages
    from trueup.producer.publish import QueueFull
    from trueup.wire.outcome import Outcome

__all__ = [
    "AsyncCommitProducer",
    "CommitProducer",
    "InvalidRequest",
    "Message",
    "Outcome",
    "QueueFull",
    "Unavailable",
    "sign",
    "write_messages",
]

_HOMES = {
    "AsyncCommitProducer": "trueup.producer.async_client",
    "CommitProducer": "trueup.producer.client",
    "InvalidRequest": "trueup.producer.bodies",
    "Message": "trueup.producer.messages",
    "Outcome": "trueup.wire.outcome",
    "QueueFull": "trueup.producer.publish",
    "Unavailable": "trueup.errors",
    "sign": "trueup.producer.messages",
    "write_messages": "trueup.producer.messages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
