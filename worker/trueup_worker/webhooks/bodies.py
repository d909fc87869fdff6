"""Bodies of deliveries, made once: the event, and the object that it is about as it is then."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from trueup.limits import WEBHOOK_BODY_BYTES_MAX
from trueup.store.events.read import last_position
from trueup.store.postgres.errors import is_too_much
from trueup.store.webhooks.claims import Claimed
from trueup.store.webhooks.deliveries import TEST_TYPE
from trueup.wire.events import SubjectType, subject_type

ReadObjects = Callable[[Connection, int, SubjectType, Collection[UUID]], Mapping[UUID, bytes]]

_NAME = text("SELECT name FROM account WHERE id = :id")

log = structlog.get_logger()
_encode = msgspec.json.Encoder(decimal_format="number").encode


def bodies_of(
    connection: Connection, claimed: Sequence[Claimed], read_objects: ReadObjects
) -> Iterator[tuple[Claimed, bytes]]:
    """The body of each delivery, which has none yet.

    The place in the feed is read before the objects: whatever happened up to it is in them.

    Args:
        connection: a snapshot.
        claimed: of any accounts.
        read_objects: reads what events are about.
    """
    by_account: defaultdict[int, list[Claimed]] = defaultdict(list)
    for each in claimed:
        by_account[each.account_id].append(each)
    for account_id, deliveries in by_account.items():
        name = str(connection.scalar(_NAME, {"id": account_id}))
        as_of = last_position(connection, account_id)
        objects = _objects(connection, account_id, deliveries, read_objects)
        for each in deliveries:
            yield each, body_of(each, account=name, as_of=as_of, told=objects.get(each.subject_id))


def body_of(delivery: Claimed, *, account: str, as_of: int, told: bytes | None) -> bytes:
    """The bytes of a delivery.

    Args:
        delivery: its event.
        account: the account's name.
        as_of: place in the feed up to which everything is in the object.
        told: the object as JSON; None: there is none.
    """
    data: dict[str, object] = {"id": delivery.subject_id, "account": account}
    if told is not None:
        data["object"] = msgspec.Raw(told)
    if delivery.facts:
        data["facts"] = delivery.facts
    whole = {
        "type": delivery.type,
        "timestamp": delivery.happened_at.astimezone(UTC),
        "data": data,
        "sequence": delivery.position,
        "as_of": as_of,
    }
    body = _encode(whole)
    if len(body) <= WEBHOOK_BODY_BYTES_MAX:
        return body
    data.pop("object", None)
    return _encode(whole | {"data": data | {"truncated": True}})


def _objects(
    connection: Connection, account_id: int, deliveries: Sequence[Claimed], read_objects: ReadObjects
) -> dict[UUID, bytes]:
    by_kind: defaultdict[SubjectType, set[UUID]] = defaultdict(set)
    for each in deliveries:
        if each.type != TEST_TYPE:
            by_kind[subject_type(each.type)].add(each.subject_id)
    found: dict[UUID, bytes] = {}
    for kind, ids in by_kind.items():
        try:
            with connection.begin_nested():
                found |= read_objects(connection, account_id, kind, ids)
        except Exception as error:  # what cannot be told must not stop what can: the receiver asks for it
            if isinstance(error, SQLAlchemyError) and not is_too_much(error):
                raise
            log.exception("objects of events cannot be told", action="objects_not_told", kind=kind)
    return found
