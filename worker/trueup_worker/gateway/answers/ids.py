"""Ids and names: of what was made, or is kept."""

from typing import Literal, Self
from uuid import UUID

from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer, Id


class Named(Answer):
    """Something by its id and name."""

    id: UUID
    name: str


class Made(Answer):
    """The id of what was made."""

    data: Id

    @classmethod
    def example(cls, made_id: UUID = examples.COMMIT) -> Self:
        """A commit."""
        return cls(data=Id(id=made_id))


class Pending(Id):
    """A request that is kept.

    Attributes:
        reason: why it is parked.
    """

    outcome: Literal["pending", "parked"]
    reason: str | None = None


class Accepted(Answer):
    """Kept: its outcome is not there yet, or it was parked (see `outcome`)."""

    data: Pending

    @classmethod
    def example(cls, request_id: UUID = examples.COMMIT) -> Self:
        """A commit to come."""
        return cls(data=Pending(id=request_id, outcome="pending"))
