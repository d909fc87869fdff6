"""The feed of events: a stretch of it, or its end as it grows."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import typer
from sqlalchemy import Connection

from trueup.limits import EVENTS_PAGE_MAX
from trueup.store.events.event import Event
from trueup.store.events.read import FeedPage, place_of_last, read_feed
from trueup.store.postgres.search_page import SearchPage
from trueup.wire.events import EventType, event_types, subject_type
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_rows, every_found
from trueup_worker.cli.terminal.output import Record, emit, emit_json, say, to_json

app = typer.Typer(no_args_is_help=True, help="What happened, in the order of the feed. Needs the scope read.")

_COLUMNS = ("sequence", "timestamp", "type", "subject_id", "facts")
_SHOWN = 10
_PAUSE_S = 1.0
_After = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Only those after this place, the cursor of an earlier run.")
]
_Types = Annotated[str | None, typer.Option("--types", metavar="TYPE,…", help="Only events of these types.")]


@app.command("list")
def list_(
    ctx: typer.Context, *, after: _After = None, types: _Types = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List events from the oldest that is kept, or from a place, on."""
    chosen = _chosen(types)
    with session(ctx).snapshot("read") as (connection, caller):
        found = every_found(
            partial(_page, connection, caller.account_id, chosen),
            after,
            limit=limit,
            as_json=as_json,
            go_on=lambda reached: f"{reached}: go on with --after {reached}",
        )
        emit_rows(found, _COLUMNS, limit=limit, as_json=as_json, told=told_of)


@app.command()
def tail(
    ctx: typer.Context,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    after: _After = None,
    types: _Types = None,
    as_json: AsJson = False,
) -> None:
    """Print the last ten events, or all after a place, a line each; with --follow what happens from then on, too.

    Ends with the cursor: --after goes on from there, and nothing is missed; what is printed while Ctrl-C comes may come
    again.
    """
    here, chosen = session(ctx), _chosen(types)
    with here.snapshot("read") as (connection, caller):
        start = place_of_last(connection, caller.account_id, events=_SHOWN) if after is None else after
    cursor = start
    try:
        for page in _pages(here, start, chosen, follow=follow):
            for event in page.events:
                _print(event, as_json=as_json)
                cursor = event.position
            cursor = page.cursor
    finally:
        say(f"cursor {cursor}: go on with --after {cursor}")


def told_of(event: Event) -> Record:
    """An event as the API tells it."""
    return {
        "id": event.id,
        "type": event.type,
        "timestamp": event.timestamp,
        "sequence": event.position,
        "subject": {"type": subject_type(event.type), "id": event.subject_id},
        "facts": event.facts,
    }


def _pages(here: Session, after: int, types: Sequence[EventType], *, follow: bool) -> Iterator[FeedPage]:
    """Pages of the feed, each read in a transaction of its own: nothing is held while nothing happens."""
    while True:
        with here.snapshot("read") as (connection, caller):
            page = read_feed(connection, caller.account_id, after=after, types=types, limit=EVENTS_PAGE_MAX)
        yield page
        after = page.cursor
        if not page.has_more:
            if not follow:
                return
            time.sleep(_PAUSE_S)


def _page(
    connection: Connection, account_id: int, types: Sequence[EventType], *, limit: int, after: int | None
) -> SearchPage[Event, int]:
    page = read_feed(connection, account_id, after=after, types=types, limit=min(limit, EVENTS_PAGE_MAX))
    return SearchPage(page.events, page.cursor if page.has_more else None)


def _print(event: Event, *, as_json: bool) -> None:
    if as_json:
        emit_json(told_of(event))
        return
    facts = to_json(event.facts).decode() if event.facts else ""
    line = f"{event.position:>8}  {event.timestamp:%Y-%m-%d %H:%M:%S}  {event.type:<20}  {event.subject_id}  {facts}"
    emit(line.rstrip().encode() + b"\n")


def _chosen(types: str | None) -> list[EventType]:
    return event_types(types.split(",")) if types else []
