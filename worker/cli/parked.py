"""What could not be decided, with its bytes and the reason (spec 2.5)."""

from typing import Annotated, get_args
from uuid import UUID

import typer

from shared.store.parking import Reason, list_parked, show_parked
from worker.cli.context import session
from worker.cli.exits import CommandError
from worker.cli.listing import SHOWN_ROWS, AsJson
from worker.cli.output import emit_json, emit_json_list, emit_record, emit_table

app = typer.Typer(no_args_is_help=True, help="What could not be decided: list, show. Needs the scope operate.")

_COLUMNS = ("id", "reason", "detail", "request_id", "batch_id", "attempts", "parked_at")


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    reason: Annotated[str | None, typer.Option(help=f"For this reason only: {', '.join(get_args(Reason))}.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N rows.")] = SHOWN_ROWS,
    as_json: AsJson = False,
) -> None:
    """List parked envelopes and requests, oldest first."""
    with session(ctx).transaction("operate") as (connection, caller):
        rows = list_parked(connection, caller.account_id, limit=limit, reason=reason)
    emit_json_list(rows) if as_json else emit_table(_COLUMNS, rows)


@app.command()
def show(
    ctx: typer.Context,
    parked_id: Annotated[UUID, typer.Argument(metavar="ID", help="Of the parking, as listed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one with what was received."""
    with session(ctx).transaction("operate") as (connection, caller):
        found = show_parked(connection, caller.account_id, parked_id)
    if found is None:
        raise CommandError(f"account {caller.account} has nothing parked under {parked_id}")
    shown = found | {
        "meta": _text(found["meta"]),
        "requests": _text(found["requests"]),
        "digest": found["digest"].hex(),
    }
    emit_json(shown) if as_json else emit_record(shown)


def _text(received: bytes) -> str:
    return received.decode(errors="backslashreplace")
