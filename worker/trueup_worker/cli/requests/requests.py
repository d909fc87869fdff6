"""Outcomes of requests: which were refused, why, and what came of them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal

import typer
from sqlalchemy import Connection

from trueup.clock import utc_now
from trueup.store.accounts.tokens import Caller
from trueup.store.requests.refused import (
    Place,
    RefusedChoice,
    RefusedRequest,
    search_refused,
    search_refused_of_batch,
)
from trueup_worker.cli.requests.batches import batch_named
from trueup_worker.cli.requests.history import emit_history
from trueup_worker.cli.requests.told import COLUMNS, with_first_problem
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_rows, every_found
from trueup_worker.cli.terminal.named import customer_named, id_of
from trueup_worker.cli.terminal.output import as_text
from trueup_worker.reporting.request_history import request_history

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
    customer: Annotated[
        str | None, typer.Option(metavar="CUSTOMER", help="Of this customer: by id, name or alias, or as they say it.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="With this uniqueness key, or of a usage line this transaction id."),
    ] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="BATCH", help="Of this batch (id, name or file), in the order of its rows.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=f"Decided then or later: {INSTANT_HELP}.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Decided before that.")] = None,
    after_row: Annotated[int, typer.Option(min=0, metavar="N", help="With --batch: only later rows.")] = 0,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List requests that made no commit of their own, newest first. Needs the scope read.

    Outcome and code have no index: 5,000 requests (of the customer, the key or the batch, where one is given) are
    searched, and --until, or --after-row, goes on from there. With --json all are.
    """
    now = utc_now()
    wanted = _Wanted(customer, batch, after_row, limit, as_json)
    choice = RefusedChoice(
        outcome=outcome,
        code=code,
        uniqueness_key=key,
        since=None if since is None else read_instant(since, now=now),
        until=None if until is None else read_instant(until, now=now),
    )
    with session(ctx).snapshot("read") as (connection, caller):
        found = _found(connection, caller, choice, wanted)
        told = map(asdict, found) if as_json else (with_first_problem(asdict(each)) for each in found)
        emit_rows(told, COLUMNS, limit=limit, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Things that are named, and how many are asked for."""

    customer: str | None
    batch: str | None
    after_row: int
    limit: int | None
    as_json: bool


def _found(connection: Connection, caller: Caller, choice: RefusedChoice, wanted: _Wanted) -> Iterator[RefusedRequest]:
    limit, as_json = wanted.limit, wanted.as_json
    if wanted.customer is not None:
        choice = replace(choice, customer=customer_named(connection, caller, wanted.customer))
    if wanted.batch is None:
        newest = partial(search_refused, connection, caller.account_id, choice)
        return every_found(newest, None, limit=limit, as_json=as_json, go_on=_older)
    batch_id = batch_named(connection, caller, wanted.batch).id
    by_row = partial(search_refused_of_batch, connection, caller.account_id, batch_id, choice)
    return every_found(by_row, wanted.after_row, limit=limit, as_json=as_json, go_on=_later)


def _older(place: Place) -> str:
    beyond = place.decided_at + _INSTANT  # others may have been decided at the same one
    return f"{as_text(place.decided_at)}: go on with --until {beyond.isoformat()}"


def _later(row: int) -> str:
    return f"row {row}: go on with --after-row {row}"


@app.command()
def show(
    ctx: typer.Context,
    request: Annotated[
        str, typer.Argument(metavar="ID|KEY", help="The request's id, as every answer has it, or its uniqueness key.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what became of a request: every error, and the value that it is about; and what was done since.

    The body is kept for TRUEUP_OUTCOME_BODY_DAYS. Needs the scope read.
    """
    with session(ctx).snapshot("read") as (connection, caller):
        request_id = id_of(connection, caller, request, "request")
        found = request_history(connection, caller.account_id, request_id)
    if found is None:
        raise CommandError(f"account {caller.account} has no outcome of a request {request}, or not yet")
    emit_history(found, as_json=as_json)
