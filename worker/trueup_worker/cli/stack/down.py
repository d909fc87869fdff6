"""Stop the stack."""

import typer

from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.output import say
from trueup_worker.local.detached import stop_running

app = typer.Typer()


@app.command()
def down(ctx: typer.Context) -> None:
    """Stop what runs in the data folder, and what a killed `up` left there. Data stays."""
    folder = session(ctx).folder
    was_running = stop_running(folder)
    say(f"stopped; data stays in {folder.path}" if was_running else f"nothing runs in {folder.path}")
