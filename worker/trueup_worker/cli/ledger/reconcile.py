"""The proof that everything agrees."""

from typing import Annotated

import typer

from trueup.clock import utc_now
from trueup.errors import ExitCode
from trueup.store.invoices.overdue import unfinished
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json_list, emit_table, say
from trueup_worker.reporting.reconcile import reconcile as find_differences

app = typer.Typer()
_SLICES_AT_ONCE = 10  # between two lines of progress


@app.command()
def reconcile(
    ctx: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help=f"Of commits and invoices only what was booked since: {INSTANT_HELP}."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute outcomes, usage, balances, obligations, invoices; name each difference; exit code 1 on any.

    Needs the scope operate.
    """
    here, at = session(ctx), read_instant(since, now=utc_now()) if since else None
    with here.transaction("operate") as (connection, caller):
        differences = find_differences(
            connection, caller.account_id, usage_grace_h=here.settings.usage_grace_h, since=at, told=_tell_progress
        )
        waiting = unfinished(connection, caller.account_id)
    if as_json:
        emit_json_list(differences)
    elif differences:
        emit_table(("check", "subject", "expected", "found"), differences)
    say(f"{len(differences)} differences" if differences else f"account {caller.account}: everything agrees")
    if waiting.held or waiting.void:
        say(f"an operator has to look at {len(waiting.held)} true-ups held, {len(waiting.void)} void usage periods")
    if differences:
        raise typer.Exit(ExitCode.DIFFERENCES)


def _tell_progress(done: int, slices: int) -> None:
    """Tell how far it has come, where that takes a while."""
    if slices > _SLICES_AT_ONCE and done % _SLICES_AT_ONCE == 0:
        say(f"{done} of {slices} slices of commits and invoices looked at")
