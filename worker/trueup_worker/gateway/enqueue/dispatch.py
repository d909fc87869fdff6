"""The way of an envelope to its queue: by the event loop where the broker allows it, else by the sending thread."""

from trueup.producer.publish import BrokerUnavailable, QueueFull
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.enqueue.redis_sender import PerhapsSent, RedisSender
from trueup_worker.gateway.enqueue.sender import NotSent, Sender, SignedEnvelope


class Dispatcher:
    """The way of envelopes to their queues.

    Args:
        sender: reaches every broker, and blocks.
        redis_sender: reaches some, and does not.
        threads: the one thread in which `sender` sends, in turn.
    """

    def __init__(self, sender: Sender, redis_sender: RedisSender, threads: Threads) -> None:
        self._sender, self._redis_sender, self._threads = sender, redis_sender, threads

    async def require_room(self, queue: str) -> None:
        """Ask the broker whether a queue takes more, unless that is known.

        Raises:
            QueueFull, NotSent: it does not, or the broker does not answer.
        """
        if not self._sender.known.has_room(queue):
            await self._threads.run(self._sender.check_room, queue)

    async def send(self, envelope: SignedEnvelope) -> None:
        """Put an envelope on its queue.

        Raises:
            QueueFull, NotSent: it certainly is not there.
            BrokerUnavailable: it may or may not be there.
        """
        known = self._sender.known
        if not (known.has_room(envelope.queue) and self._redis_sender.takes(envelope)):
            await self._threads.run(self._sender.send, envelope)
            return
        try:
            known.note(envelope.queue, await self._redis_sender.send(envelope))
        except PerhapsSent:
            await self._send_again(envelope)

    async def _send_again(self, envelope: SignedEnvelope) -> None:
        try:
            await self._threads.run(self._sender.send, envelope)
        except (QueueFull, NotSent) as error:
            raise BrokerUnavailable(str(error)) from error  # this time it was not sent, but perhaps the first time
