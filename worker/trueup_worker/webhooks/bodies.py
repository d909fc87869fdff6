"""Bodies of deliveries, made once: the event, and the object that it is about as it is then."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from trueup.limits import (
    WEBHOOK_BODY_BYTES_MAX,
    WEBHOOK_OBJECTS_PAUSE_SHARE,
    WEBHOOK_OBJECTS_QUICK_S,
    WEBHOOK_OBJECTS_S,
)
from trueup.store.events.read import last_position
from trueup.store.postgres.errors import is_away, is_too_much
from trueup.store.webhooks.claims import Claimed
from trueup.store.webhooks.deliveries import TEST_TYPE
from trueup.wire.events import SubjectType, subject_type

ReadObjects = Callable[[Connection, int, SubjectType, Collection[UUID]], Mapping[UUID, bytes]]

_BOUND = text(f"SET LOCAL statement_timeout = {int(WEBHOOK_OBJECTS_S * 1_000)}")
_NAME = text("SELECT name FROM account WHERE id = :id")

log = structlog.get_logger()
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Objects:
    """Objects of events; an account's of a kind that take long to read are left out for a while: others wait for them.

    Args:
        read: what is left out, receivers ask for.
        clock: seconds that never go back.
    """

    def __init__(self, read: ReadObjects, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._left_out_until: dict[tuple[int, SubjectType], float] = {}

    def of(
        self, connection: Connection, account_id: int, deliveries: Sequence[Claimed]
    ) -> tuple[dict[UUID, bytes], Collection[SubjectType]]:
        """Those of an account's deliveries, by their ids; and the kinds of which none was read."""
        by_kind: defaultdict[SubjectType, set[UUID]] = defaultdict(set)
        for each in deliveries:
            if each.type != TEST_TYPE:
                by_kind[subject_type(each.type)].add(each.subject_id)
        found: dict[UUID, bytes] = {}
        left_out = set[SubjectType]()
        for kind, ids in by_kind.items():
            began = self._clock()
            if began < self._left_out_until.get((account_id, kind), began):
                left_out.add(kind)
                continue
            try:
                with connection.begin_nested():
                    found |= self._read(connection, account_id, kind, ids)
            except Exception as error:  # what cannot be told must not stop what can: the receiver asks for it
                if isinstance(error, SQLAlchemyError) and is_away(error) and not is_too_much(error):
                    raise
                log.exception("objects of events cannot be told", action="objects_not_told", kind=kind)
                left_out.add(kind)
            took = self._clock() - began
            if took > WEBHOOK_OBJECTS_QUICK_S:
                self._left_out_until[account_id, kind] = began + took * (1 + WEBHOOK_OBJECTS_PAUSE_SHARE)
        return found, left_out


def bodies_of(connection: Connection, claimed: Sequence[Claimed], objects: Objects) -> Iterator[tuple[Claimed, bytes]]:
    """The body of each delivery, which has none yet.

    The place in the feed is read before the objects: whatever happened up to it is in them.

    Args:
        connection: a snapshot.
        claimed: of any accounts.
        objects: what events are about.
    """
    connection.execute(_BOUND)
    by_account: defaultdict[int, list[Claimed]] = defaultdict(list)
    for each in claimed:
        by_account[each.account_id].append(each)
    for account_id, deliveries in by_account.items():
        name = str(connection.scalar(_NAME, {"id": account_id}))
        as_of = last_position(connection, account_id)
        found, left_out = objects.of(connection, account_id, deliveries)
        for each in deliveries:
            is_left_out = each.type != TEST_TYPE and subject_type(each.type) in left_out
            yield each, body_of(each, account=name, as_of=as_of, told=found.get(each.subject_id), truncated=is_left_out)


def body_of(delivery: Claimed, *, account: str, as_of: int, told: bytes | None, truncated: bool = False) -> bytes:
    """The bytes of a delivery.

    Args:
        delivery: its event.
        account: the account's name.
        as_of: place in the feed up to which everything is in the object.
        told: the object as JSON; None: there is none, or it is left out.
        truncated: whether it is left out, though there may be one.
    """
    data: dict[str, object] = {"id": delivery.subject_id, "account": account}
    if truncated:
        data["truncated"] = True
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
