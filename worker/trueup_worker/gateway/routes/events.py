"""Route of the feed of events."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.limits import EVENTS_PAGE_MAX
from trueup.store.events.read import EventsTrimmed, PlaceAhead, read_feed
from trueup.wire.events import EventType, UnknownEventType, event_types
from trueup_worker.gateway.answers.events import EventsPage
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import gone, invalid_field
from trueup_worker.gateway.schema.bodies.body import worded
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Events"])

_PAGE = 100

Place = Annotated[int | None, Query(ge=0, lt=1 << 63), worded("must be a cursor that an earlier answer gave")]
Size = Annotated[
    int, Query(ge=1, le=EVENTS_PAGE_MAX), worded("must be a whole number between 1 and {most}", most=EVENTS_PAGE_MAX)
]


@router.get("/v1/events", responses=answers(EventsPage.example()), openapi_extra={"x-refusals": ["410"]})
async def list_events(
    request: Request, *, after: Place = None, types: str | None = None, limit: Size = _PAGE
) -> Response:
    """Events of all `types`, or of some, separated by commas, in an order to which nothing is added but at its end.

    Go on with `after` the cursor of the page before. The same range has the same events whenever it is read, until they
    are past their term; then a cursor before the oldest one left is gone (410), and no cursor begins with that one.
    """
    account_id, chosen = caller_of(request).account_id, _types(types)

    def look(connection: Connection) -> EventsPage:
        return EventsPage.of(read_feed(connection, account_id, after=after, types=chosen, limit=limit))

    try:
        return Json(await gateway_of(request).read(look))
    except EventsTrimmed as error:
        raise gone(str(error), oldest=error.oldest) from None
    except PlaceAhead as error:
        raise invalid_field("/after", str(error)) from None


def _types(given: str | None) -> list[EventType]:
    try:
        return event_types(given.split(",")) if given else []
    except UnknownEventType as error:
        raise invalid_field("/types", str(error)) from None
