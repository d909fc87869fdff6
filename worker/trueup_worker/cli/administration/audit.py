"""The audit: what operators did."""

from functools import partial
from typing import Annotated

import typer

from trueup.store.accounts.audit import list_audit
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import AsJson, Limit, emit_list
from trueup_worker.cli.terminal.named import subject_named

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("at", "actor", "action", "subject", "before", "after")


@app.callback()
def audit() -> None:
    """Act of operators."""


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    subject: Annotated[
        str | None, typer.Option(metavar="ID", help="Of this commit, invoice, customer, batch or request only.")
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List who did what to what, newest first, with how it was before and after. Needs the scope operate."""
    with session(ctx).snapshot("operate") as (connection, caller):
        named = None if subject is None else subject_named(connection, caller, subject)
        fetch = partial(list_audit, connection, caller.account_id, subject=named)
        emit_list(fetch, _COLUMNS, limit=limit, as_json=as_json)
