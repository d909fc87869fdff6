"""Parked messages: what could not be decided, with its bytes and the reason."""

from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, get_args

import typer
from sqlalchemy import Connection

from trueup.store.accounts.tokens import Caller
from trueup.store.requests.parked_messages import count_parked, list_parked, list_unattributed, show_parked
from trueup.store.requests.parked_total import count_unkept_of
from trueup.store.requests.parking import Choice, Reason, count_chosen, count_unkept
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import SHOWN_ROWS, After, AsJson, emit_search
from trueup_worker.cli.terminal.named import id_if_named, id_of
from trueup_worker.cli.terminal.output import emit_json, emit_json_list, emit_record, emit_table, say
from trueup_worker.intake.parked.resolve import discard, replay

app = typer.Typer(
    no_args_is_help=True, help="What could not be decided: list, show, replay, discard. Needs the scope operate."
)

_COLUMNS = ("id", "reason", "detail", "request_id", "batch_id", "attempts", "parked_at")
_Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID…]", help="Of the parkings, as listed, or of their requests.")
]
_Reason = Annotated[str | None, typer.Option(metavar="REASON", help="All with this reason.")]
_Batch = Annotated[str | None, typer.Option(metavar="BATCH", help="All of this batch (id, name or file).")]
_Every = Annotated[bool, typer.Option("--all", help="All that are parked.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    reason: Annotated[str | None, typer.Option(help=f"For this reason only: {', '.join(get_args(Reason))}.")] = None,
    batch: _Batch = None,
    state: Annotated[str, typer.Option(help="parked, replayed or discarded.")] = "parked",
    unattributed: Annotated[
        bool,
        typer.Option("--unattributed", help="What no valid token vouches for, of no account (scope installation)."),
    ] = False,
    after: After = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N rows.")] = SHOWN_ROWS,
    as_json: AsJson = False,
) -> None:
    """List parked envelopes and requests, oldest first; with how many there are for each reason.

    Reason and batch have no index: 5,000 are searched, and --after goes on from there. With --json all are.
    """
    with session(ctx).transaction("installation" if unattributed else "operate") as (connection, caller):
        if unattributed:
            rows = list_unattributed(connection, limit=limit)
            say(f"{count_unkept(connection)} more were only counted: there is room for so many")
            emit_json_list(rows) if as_json else emit_table(_COLUMNS, rows)
            return
        counts = count_parked(connection, caller.account_id, state=state)
        say(", ".join(f"{count} {each}" for each, count in counts.items()) or f"nothing is {state}")
        if unkept := count_unkept_of(connection, caller.account_id):
            say(f"{unkept} more were only counted: there was no room for so much; their outcomes are parked")
        batch_id = id_if_named(connection, caller, batch, "batch")
        fetch = partial(list_parked, connection, caller.account_id, reason=reason, batch_id=batch_id, state=state)
        if counts or as_json:
            emit_search(fetch, _COLUMNS, after, limit=limit, as_json=as_json)


@app.command()
def show(
    ctx: typer.Context,
    parked: Annotated[str, typer.Argument(metavar="ID", help="Of the parking, as listed, or of its request.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one with what was received."""
    with session(ctx).transaction("operate") as (connection, caller):
        found = show_parked(connection, caller.account_id, id_of(connection, caller, parked, "parked"))
    if found is None:
        raise CommandError(f"account {caller.account} has nothing parked under {parked}")
    received = {"meta": _text(found.meta), "requests": _text(found.requests), "digest": found.digest.hex()}
    shown = asdict(found) | received
    emit_json(shown) if as_json else emit_record(shown)


@app.command(name="replay")
def replay_(
    ctx: typer.Context,
    ids: _Ids = None,
    *,
    reason: _Reason = None,
    batch: _Batch = None,
    every: _Every = False,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put parked requests back on their way, under the same ids. A second replay finds nothing.

    Rows named by id are replayed even when they were replayed or discarded before. What is kept by its beginning alone
    (whole_bytes) has to be sent again.
    """
    here = session(ctx)
    with here.transaction("operate") as (connection, caller):
        choice = replace(_choice(connection, caller, ids, reason, batch, every=every), whole=True)
        if dry_run:
            rows = count_chosen(connection, caller.account_id, choice)
        else:
            lease_s = here.settings.lease_s
            rows = replay(connection, caller.account_id, choice, lease_s=lease_s, actor=caller.key_id)
    _tell("replayed", rows, dry_run=dry_run, as_json=as_json)


@app.command(name="discard")
def discard_(
    ctx: typer.Context,
    ids: _Ids = None,
    *,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why they are given up.")],
    reason: _Reason = None,
    batch: _Batch = None,
    every: _Every = False,
    dry_run: _DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give parked requests up, for good: only a replay by id brings one back."""
    with session(ctx).transaction("operate") as (connection, caller):
        choice = _choice(connection, caller, ids, reason, batch, every=every)
        if dry_run:
            rows = count_chosen(connection, caller.account_id, choice)
        else:
            rows = discard(connection, caller.account_id, choice, note=note, actor=caller.key_id)
    _tell("discarded", rows, dry_run=dry_run, as_json=as_json)


def _choice(
    connection: Connection,
    caller: Caller,
    ids: list[str] | None,
    reason: str | None,
    batch: str | None,
    *,
    every: bool,
) -> Choice:
    if not (ids or reason or batch or every):
        raise CommandError("say which: IDs, --reason, --batch, or --all")
    batch_id = None if batch is None else id_of(connection, caller, batch, "batch", is_to_change=True)
    chosen = (id_of(connection, caller, each, "parked", is_to_change=True) for each in ids or ())
    return Choice(tuple(chosen), reason, batch_id)


def _tell(done: str, rows: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit_json({done: 0 if dry_run else rows, "chosen": rows})
    else:
        say(f"{rows} parked {'would be ' if dry_run else ''}{done}")


def _text(received: bytes) -> str:
    return received.decode(errors="backslashreplace")
