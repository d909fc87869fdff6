"""Months of the books."""

from typing import Annotated

import typer

from trueup.store.journal.months import ClosedMonth, account_codes_of, closed_months
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import Record, emit_json, emit_json_list, emit_table, say
from trueup_worker.exports.months import month_named
from trueup_worker.journal.close import close_books
from trueup_worker.journal.codes import change_codes

app = typer.Typer(no_args_is_help=True, help="Months of the books: close, list, codes.")

_COLUMNS = ("month", "entries", "totals", "closed_at", "closed_by", "codes_version", "left_out")


@app.command()
def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(metavar="YYYY-MM", help="A month that is over.")],
    *,
    open_usage: Annotated[
        bool, typer.Option("--open-usage", help="Although usage of it is not closed yet: it will be dated later.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close a month for good: its journal stays as it is, and what is booked later is dated later.

    Months are closed one after the other. Needs the scope operate.
    """
    here, named = session(ctx), month_named(month)
    caller = here.caller("operate")
    closed = close_books(here.engine, caller.account_id, named, actor=caller.key_id, leaves_usage_open=open_usage)
    if as_json:
        emit_json(_told(closed))
        return
    totals = ", ".join(f"{total} {currency}" for currency, total in closed.totals.items()) or "nothing"
    say(f"{month} is closed: {closed.entries} entries, {totals}")
    if closed.left_out:
        say(f"left out, as these units are no money: {', '.join(closed.left_out)}")


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the months that are closed, the first one first. Needs the scope read."""
    with session(ctx).snapshot("read") as (connection, caller):
        found = [_told(each) for each in closed_months(connection, caller.account_id)]
    if as_json:
        emit_json_list(found)
    else:
        emit_table(_COLUMNS, found, nothing="no month is closed")


@app.command()
def codes(
    ctx: typer.Context,
    *,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="ACCOUNT=CODE", help="Again for each; needs the scope operate.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the codes that accounts have in the journal, or change some; closed months keep theirs.

    Needs the scope read.
    """
    here = session(ctx)
    if given:
        with here.transaction("operate") as (connection, caller):
            found = change_codes(connection, caller.account_id, dict(map(_pair, given)), actor=caller.key_id)
    else:
        with here.snapshot("read") as (connection, caller):
            found = account_codes_of(connection, caller.account_id)
    if as_json:
        emit_json({"version": found.version, "codes": dict(found.codes)})
    else:
        emit_table(("account", "code"), [{"account": name, "code": code} for name, code in found.codes.items()])
        say(f"version {found.version}{'' if found.version else ': as they are where nobody has set any'}")


def _pair(text: str) -> tuple[str, str]:
    account, given, code = text.partition("=")
    if not given:
        raise CommandError(f"{text!r} is not an account and its code, such as revenue=4000")
    return account.strip(), code.strip()


def _told(month: ClosedMonth) -> Record:
    return {
        "month": f"{month.starting_at:%Y-%m}",
        "entries": month.entries,
        "totals": dict(month.totals),
        "closed_at": month.closed_at,
        "closed_by": month.closed_by,
        "codes_version": month.codes_version,
        "left_out": list(month.left_out),
    }
