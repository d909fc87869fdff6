"""The task that sends webhooks, which tells objects as the gateway does: it stands above both.

A worker that listens on the queue `events` loads it; others have no use for it.
"""

import asyncio
import os
import resource
from typing import Any

import structlog
from celery.worker import state

from trueup.limits import WEBHOOK_FILES
from trueup.settings import settings
from trueup.store.postgres.engine import engine
from trueup.wire.message.names import TASK_DELIVER
from trueup_worker.celery.app import app
from trueup_worker.gateway.answers.event_objects import read_objects
from trueup_worker.webhooks.configured import policy_of
from trueup_worker.webhooks.schedule import waits_of
from trueup_worker.webhooks.sender import Sender
from trueup_worker.webhooks.turn import Means, deliver

_NICENESS = 10

log = structlog.get_logger()


@app.task(name=TASK_DELIVER)
def deliver_webhooks(*_: Any) -> None:
    """Send what is due, of all accounts; a message that comes twice, or for nothing, costs a look."""
    _yield_to_intake()
    _allow_connections()
    sent = asyncio.run(_deliver())
    if sent:
        log.info("webhooks sent", action="webhooks_sent", attempts=sent)


async def _deliver() -> int:
    config = settings()
    means = Means(
        on=engine(),
        policy=policy_of(config),
        read_objects=read_objects,
        waits=waits_of(config.webhook_retries),
        secret_key=config.secret_key.get_secret_value(),
        is_stopping=_is_stopping,
    )
    proxy = None if config.webhook_proxy is None else str(config.webhook_proxy)
    async with Sender(means.policy, proxy=proxy) as sender:
        return await deliver(means, sender)


def _yield_to_intake() -> None:
    """Leave the processors to whoever takes requests in: a delivery can wait a moment."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


def _allow_connections() -> None:
    """Let this process have as many files open as it may, up to what its attempts can need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WEBHOOK_FILES if hard == resource.RLIM_INFINITY else min(WEBHOOK_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _is_stopping() -> bool:
    """Celery keeps the exit code, which may be 0, where it is told to stop."""
    return any(each is not None and each is not False for each in (state.should_stop, state.should_terminate))
