"""Messages of RabbitMQ, which counts how often each was delivered, whatever became of the delivery before.

One that its worker gives back is therefore put on its queue again, as it came, and then acknowledged: it counts from
one, waits behind the others, and comes no sooner than they are done. What remains in the count is deaths. All that a
dead worker held is counted, though it had begun with one message only: the count alone convicts none.
"""

from typing import Any

import structlog
from kombu.transport import pyamqp

from trueup.broker.broker import BrokerLost, BrokerRefused
from trueup.broker.rabbitmq_broker import RabbitMessage
from trueup.wire.message.names import QUEUES
from trueup_worker.celery.outgoing import outgoing

_COUNT = "x-delivery-count"

log = structlog.get_logger()


class Message(pyamqp.Message):
    """A message that is given back as it came.

    Attributes:
        deliveries: how often it was delivered, this time included, since it was put on its queue.
        is_count_its_own: whether each delivery before ended with its worker's death while it was being worked on.
    """

    is_count_its_own = False

    def __init__(self, msg: Any, channel: Any = None, **given: Any) -> None:
        properties = msg.properties
        headers = dict(properties.get("application_headers") or {})
        count = headers.pop(_COUNT, 0)
        properties["application_headers"] = headers
        self.deliveries = 1 + count if isinstance(count, int) else 1
        self._came = RabbitMessage(
            _bytes_of(msg.body), headers, properties.get("content_type"), properties.get("content_encoding")
        )
        super().__init__(msg, channel=channel, **given)  # type: ignore[no-untyped-call]

    def requeue(self) -> None:
        """Give the message back."""
        queue = self.delivery_info["routing_key"]
        try:
            if queue not in QUEUES:
                raise BrokerRefused(f"there is no queue {queue!r}")
            outgoing().put(self._came, queue=queue)
        except (BrokerLost, BrokerRefused) as error:
            log.warning("message given back by its count", action="message_counted", error=str(error)[:500])
            super().requeue()  # type: ignore[no-untyped-call]
        else:
            self.ack()  # type: ignore[no-untyped-call]

    def reject(self, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 (kombu's signature)
        """Give the message back, or drop it."""
        if requeue:
            self.requeue()
        else:
            super().reject(requeue=False)  # type: ignore[no-untyped-call]


def change_messages() -> None:
    """Make all messages of this process such ones."""
    pyamqp.Channel.Message = Message


def _bytes_of(body: Any) -> bytes:
    return body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body)
