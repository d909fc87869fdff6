"""A Celery application, with a broker of its own, that sends commit requests by its own `send_task`.

    SHOP_BROKER_URL=redis://… TRUEUP_BROKER_URL=redis://… TRUEUP_TOKEN=tu_… celery -A celery_app worker

`send_commit.delay(deal_id, body)` sends the request of a deal.
"""
# ruff: noqa: INP001

import os
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

from trueup import sign, write_messages

app = Celery("shop", broker=os.environ["SHOP_BROKER_URL"])
trueup = Celery("trueup", broker=os.environ["TRUEUP_BROKER_URL"], set_as_current=False)  # only to send to


@app.task(acks_late=True, autoretry_for=(OperationalError,), retry_backoff=True, max_retries=None)
def send_commit(deal_id: str, body: str) -> None:
    """Send a deal's request under the deal's id, which will be its commit's: once more is harmless.

    Args:
        deal_id: a UUID.
        body: JSON text, which is sent as it is: as an object, its numbers would become floats on the way.
    """
    [message] = write_messages([body], account=os.environ.get("TRUEUP_ACCOUNT", "default"), ids=[UUID(deal_id)])
    trueup.send_task(
        message.task,
        [message.meta, message.requests],
        queue=message.queue,
        headers=sign(message.task, message.meta, message.requests, os.environ["TRUEUP_TOKEN"]),
        serializer="json",
        ignore_result=True,
    )
