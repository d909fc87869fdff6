"""The workers' app with the order "commit, then ack" inverted: a check of the checks.

Switching `task_acks_late` off is not enough: a solo worker sends its acks from its event loop, hence after the task.
"""

from typing import Any

from celery.worker.request import Request

from trueup_worker.celery.app import app

__all__ = ["app"]

_on_accepted = Request.on_accepted


def _acknowledge_first(request: Request, *given: Any) -> None:
    request.message.ack()
    request.acknowledged = True
    _on_accepted(request, *given)


Request.on_accepted = _acknowledge_first
