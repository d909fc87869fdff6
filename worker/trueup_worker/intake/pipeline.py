"""The steps that a task's envelopes go through."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from trueup.store.accounts.tokens import Scope
from trueup.wire.message.envelope import Kind
from trueup_worker.intake.bodies import Bodies
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.services import Services

J = TypeVar("J")


@dataclass(frozen=True, slots=True)
class Pipeline(Generic[J]):
    """The steps of a task's envelopes; J is what `judge` tells `persist`.

    Attributes:
        scope: what their sender must be allowed.
        read: parses the bodies, in rounds that are judged and persisted one after the other; pure; raises `TooHeavy`.
        judge: decides what is known already, in the transaction of this connection.
        persist: stores the rest, and every outcome that needs a row, in the same transaction.
        kind: what all their requests are; None: what each says.
    """

    scope: Scope
    read: Callable[[Delivery], Iterable[Bodies]]
    judge: Callable[[Connection, Delivery, Bodies, Services], J]
    persist: Callable[[Connection, Delivery, J], list[Decision]]
    kind: Kind | None = None
