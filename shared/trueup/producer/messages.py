"""Messages for those who send them from a Celery application of their own.

    [message] = write_messages([{"customer_id": …, "type": "PREPAID", …}], account="acme")
    app.send_task(
        message.task,
        [message.meta, message.requests],
        queue=message.queue,
        headers=sign(message.task, message.meta, message.requests, "tu_…"),
    )

What is sent so is not kept: it is as safe as the broker, and nobody asks whether there is room on the queue.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from trueup.clock import utc_now
from trueup.producer.bodies import RequestBody, requests_of
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import Kind, Meta
from trueup.wire.message.packing import pack, write_meta
from trueup.wire.message.queues import route_of


@dataclass(frozen=True, slots=True)
class Message:
    """An envelope that is to be sent: 1 to 500 requests.

    Attributes:
        task: the name of the Celery task that takes it.
        queue: where that task's workers take it from.
        meta: the task's first argument, as text.
        requests: its second argument, likewise.
        ids: of the requests in it, in order; each will be its commit's.
    """

    task: str
    queue: str
    meta: str
    requests: str
    ids: tuple[UUID, ...]


def write_messages(
    bodies: Iterable[RequestBody],
    *,
    account: str,
    kind: Kind = "commit",
    ids: Iterable[UUID] | None = None,
    bulk: bool = False,
    validate: bool = True,
) -> list[Message]:
    """Put requests into as few messages as they fit in.

    Args:
        bodies: each a mapping (decimals exact, see `body_json`), or JSON text, which is sent as it is.
        account: on whose behalf; the token's own.
        kind: commit, credit, or a line of rated usage.
        ids: one for each, in order, by which a request can be sent again; left out, new ones are made.
        bulk: nobody waits for these: they go on the queue of files.
        validate: refuse a request that breaks the rules.

    Raises:
        InvalidRequest: one breaks the rules (`position` says which).
        ValueError: there are more or fewer ids than bodies, or `account` cannot be an account's name.
    """
    route, now = route_of(kind), utc_now()
    Meta(account=account, sent_at=now)
    meta, queue = write_meta(account, sent_at=now), route.bulk if bulk else route.single
    return [
        Message(route.task, queue, meta, packed.text, tuple(UUID(each.id) for each in packed.requests))
        for packed in pack(requests_of(bodies, kind=kind, ids=ids, validate=validate))
    ]


def sign(task: str, meta: str, requests: str, token: str) -> dict[str, str]:
    """The headers that vouch for a message, good for 30 days from now unless the workers are set otherwise.

    Args:
        task: the name of the Celery task that is to take it.
        meta: its first argument, as it travels.
        requests: its second argument, as it travels.
        token: an account's token; it does not travel.

    Raises:
        BadToken: the text is no token.
    """
    return Signer.of_token(token).headers(meta, requests, at=utc_now(), task=task)
