"""Outcomes of requests."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from trueup.store.requests.outcomes import read_outcomes
from trueup.wire.outcome import Outcome
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import Record, emit_json, emit_record

app = typer.Typer(no_args_is_help=True)


@app.callback()
def requests() -> None:
    """Outcomes of requests."""


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
