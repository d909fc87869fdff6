"""The proof that everything agrees."""

import typer

from trueup.errors import ExitCode
from trueup.store.invoices.overdue import unfinished
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json_list, emit_table, say
from trueup_worker.reporting.reconcile import reconcile as find_differences

app = typer.Typer()


@app.command()
def reconcile(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Recompute outcomes, usage, balances, obligations, invoices; name each difference; exit code 1 on any.

    Needs the scope operate.
    """
    here = session(ctx)
    with here.transaction("operate") as (connection, caller):
        differences = find_differences(connection, caller.account_id, usage_grace_h=here.settings.usage_grace_h)
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
