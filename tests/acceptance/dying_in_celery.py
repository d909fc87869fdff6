"""A worker that dies in Celery's own code, before any task begins, of the request that TRUEUP_TEST_POISON names."""

import os
import signal
from typing import Any

from kombu.message import Message

from trueup_worker.celery.app import app
from trueup_worker.celery.request import Request

__all__ = ["app"]

_POISON = os.environ["TRUEUP_TEST_POISON"]
_take = Request.__init__


def _die(self: Request, message: Message, **given: Any) -> None:
    if _POISON in message.payload[0][1]:
        os.kill(os.getpid(), signal.SIGKILL)
    _take(self, message, **given)


Request.__init__ = _die  # type: ignore[method-assign]
