"""The clock of a sandbox account."""

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from trueup.store.accounts.accounts import account_named
from trueup.store.accounts.tokens import Caller
from trueup_worker.cli.terminal.arguments import INSTANT_HELP, read_instant
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json, emit_record
from trueup_worker.invoicing.clock import advance_clock

app = typer.Typer(no_args_is_help=True, help="The clock of a sandbox account: show, advance.")


@app.command()
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show where the clock stands. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        _emit(caller, _sandbox_clock(connection, caller), as_json=as_json)


@app.command()
def advance(
    ctx: typer.Context,
    *,
    to: Annotated[str, typer.Option(metavar="WHEN", help=f"The new present: {INSTANT_HELP}.")],
    as_json: AsJson = False,
) -> None:
    """Move the clock forward; what falls due by it is invoiced within seconds. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        instant = read_instant(to, now=_sandbox_clock(connection, caller))
        advance_clock(connection, account_id=caller.account_id, to=instant, actor=caller.key_id)
    _emit(caller, instant, as_json=as_json)


def _sandbox_clock(connection: Connection, caller: Caller) -> datetime:
    account = account_named(connection, caller.account)
    if account is None or account.clock_at is None:
        raise CommandError(
            f"account {caller.account} lives in real time: only a sandbox has a clock "
            "(`trueup accounts create NAME --sandbox`, then --account NAME)"
        )
    return account.clock_at


def _emit(caller: Caller, clock_at: datetime, *, as_json: bool) -> None:
    record = {"account": caller.account, "clock_at": clock_at}
    emit_json(record) if as_json else emit_record(record)
