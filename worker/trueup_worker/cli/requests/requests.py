"""Outcomes of requests."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.refused import Place, RefusedChoice, search_refused
from trueup.wire.outcome import Outcome
from trueup_worker.cli.requests.batches import rows_of_batch
from trueup_worker.cli.requests.told import COLUMNS, with_first_problem
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_rows, every_found
from trueup_worker.cli.terminal.output import Record, as_text, emit_json, emit_record

app = typer.Typer(no_args_is_help=True)


@app.callback()
def requests() -> None:
    """Outcomes of requests."""


_INSTANT = timedelta(microseconds=1)
_Refusal = Literal["duplicate", "invalid", "not_found", "parked"]


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    outcome: Annotated[_Refusal | None, typer.Option(help="With this outcome only.", case_sensitive=False)] = None,
    code: Annotated[str | None, typer.Option(metavar="CODE", help="With an error of this code.")] = None,
    batch: Annotated[UUID | None, typer.Option(metavar="ID", help="Of this batch, in the order of its rows.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=f"Decided then or later: {INSTANT_HELP}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Decided before that.")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List requests that made no commit of their own, newest first. Needs the scope read.

    Outcome and code have no index but in a batch: 5,000 requests are searched, and --until goes on from there. With
    --json all are.
    """
    now = utc_now()
    choice = RefusedChoice(
        outcome=outcome,
        code=code,
        since=None if since is None else read_instant(since, now=now),
        until=None if until is None else read_instant(until, now=now),
    )
    with session(ctx).snapshot("read") as (connection, caller):
        if batch is None:
            fetch = partial(search_refused, connection, caller.account_id, choice)
            found = every_found(fetch, None, limit=limit, as_json=as_json, go_on=_older)
        else:
            found = _of_batch(connection, caller.account_id, batch, choice)
        told = map(asdict, found) if as_json else (with_first_problem(asdict(each)) for each in found)
        emit_rows(told, COLUMNS, limit=limit, as_json=as_json)


def _older(place: Place) -> str:
    beyond = place.decided_at + _INSTANT  # others may have been decided at the same one
    return f"{as_text(place.decided_at)}: go on with --until {beyond.isoformat()}"


def _of_batch(connection: Connection, account_id: int, batch_id: UUID, choice: RefusedChoice) -> Iterator[Outcome]:
    return (
        each
        for each in rows_of_batch(connection, account_id, batch_id, choice.outcome)
        if each.outcome != "created"
        and (choice.code is None or any(error["code"] == choice.code for error in each.errors))
        and (choice.since is None or each.decided_at >= choice.since)
        and (choice.until is None or each.decided_at < choice.until)
    )


@app.command()
def show(
    ctx: typer.Context,
    request_id: Annotated[UUID, typer.Argument(metavar="ID", help="The request's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a request's outcome, with every error. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        outcome = read_outcomes(connection, caller.account_id, [request_id]).get(request_id)
    if outcome is None:
        raise CommandError(f"account {caller.account} has no outcome of a request {request_id}, or not yet")
    emit_json(outcome) if as_json else emit_record(_shown(outcome))


def _shown(outcome: Outcome) -> Record:
    record = asdict(outcome)
    return record | {"errors": list(outcome.errors) or None, "more": outcome.more or None}
