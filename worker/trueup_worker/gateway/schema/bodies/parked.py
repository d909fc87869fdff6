"""Body of a call that sends parked requests on."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from trueup.limits import LIST_ENTRIES_MAX
from trueup.store.requests.parking import Reason
from trueup_worker.gateway.schema.bodies.body import Body, Flag, example


class Replay(Body):
    """Which parked requests are sent on: what is given must all hold; `all` where nothing else is."""

    model_config = example({"reason": "database_refused"})

    ids: Annotated[list[UUID], Field(min_length=1, max_length=LIST_ENTRIES_MAX)] | None = None
    reason: Reason | None = None
    batch_id: UUID | None = None
    all: Flag = False
    dry_run: Flag = False
