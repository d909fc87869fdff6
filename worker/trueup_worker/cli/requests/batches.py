"""Batches: files that were ingested, and what became of their rows."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.ids import row_id
from trueup.store.accounts.tokens import Caller
from trueup.store.requests.batch_results import BatchRecord, batch_results, find_batch, list_batches
from trueup.store.requests.outcomes import count_outcomes, read_outcomes
from trueup.wire.outcome import Outcome, Verdict
from trueup_worker.cli.requests.told import COLUMNS_OF_ROWS, as_row, with_first_problem
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.lazy import Entry, LazyGroup
from trueup_worker.cli.terminal.listing import PAGE_ROWS, AsJson, Limit, emit_list, emit_rows
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_record, record_of


class _Batches(LazyGroup):
    table = {  # noqa: RUF012 (declared as ClassVar where it comes from)
        "undo": Entry("trueup_worker.cli.requests.batch_undo", "Take a batch back, as far as nothing came of it."),
    }


app = typer.Typer(
    cls=_Batches, no_args_is_help=True, help="Batches: list, show, rows, undo. Lists need the scope read."
)

_COLUMNS = ("created_at", "name", "source", "kind", "rows", "state", "id")
_MEMBERS = ("id", "name", "source", "kind", "state", "rows", "content_rows", "created_at", "closed_at")

BatchName = Annotated[
    str, typer.Argument(metavar="ID|NAME|FILE", help="Its id, the name of --batch-id, or its file as it was given.")
]


@app.command("list")
def list_(ctx: typer.Context, *, limit: Limit = None, as_json: AsJson = False) -> None:
    """List batches, newest first."""
    with session(ctx).snapshot("read") as (connection, caller):
        fetch = partial(list_batches, connection, caller.account_id)
        emit_list(fetch, _COLUMNS, limit=limit, as_json=as_json, told=_told)


@app.command()
def show(ctx: typer.Context, batch: BatchName, *, as_json: AsJson = False) -> None:
    """Show one batch, and how many of its rows have which outcome."""
    with session(ctx).snapshot("read") as (connection, caller):
        found = batch_named(connection, caller, batch)
        outcomes = count_outcomes(connection, caller.account_id, found.id)
    undecided = found.rows - sum(outcomes.values())
    if as_json:
        emit_json(_told(found) | {"outcomes": outcomes, "undecided": undecided})
    else:
        emit_record(_told(found) | outcomes | {"undecided": undecided})


@app.command()
def rows(
    ctx: typer.Context,
    batch: BatchName,
    *,
    row: Annotated[int | None, typer.Option(min=1, metavar="N", help="This row only.")] = None,
    outcome: Annotated[Verdict | None, typer.Option(help="With this outcome only.", case_sensitive=False)] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List the rows of a batch that have an outcome, in their order; of one row, see more with `requests show`."""
    with session(ctx).snapshot("read") as (connection, caller):
        batch_id = batch_named(connection, caller, batch).id
        if row is None:
            found = rows_of_batch(connection, caller.account_id, batch_id, outcome)
        else:
            found = _row(connection, caller.account_id, row_id(batch_id, row), outcome)
        told = map(as_row, found) if as_json else (with_first_problem(as_row(each)) for each in found)
        emit_rows(told, COLUMNS_OF_ROWS, limit=limit, as_json=as_json)


def _row(connection: Connection, account_id: int, request_id: UUID, outcome: Verdict | None) -> Iterator[Outcome]:
    found = read_outcomes(connection, account_id, [request_id]).values()
    return (each for each in found if outcome in (None, each.outcome))


def rows_of_batch(
    connection: Connection, account_id: int, batch_id: UUID, outcome: Verdict | None
) -> Iterator[Outcome]:
    """The outcomes of a batch, read a page at a time."""
    after_row: int | None = 0
    while after_row is not None:
        page = batch_results(connection, account_id, batch_id, after_row=after_row, limit=PAGE_ROWS, outcome=outcome)
        yield from page.outcomes
        after_row = page.next_row


def batch_named(connection: Connection, caller: Caller, named: str, *, is_to_change: bool = False) -> BatchRecord:
    """The batch of this id, name or file.

    Raises:
        CommandError: there is none, or there are several.
    """
    batch_id = id_of(connection, caller, named, "batch", is_to_change=is_to_change)
    found = find_batch(connection, caller.account_id, batch_id)
    if found is None:
        raise CommandError(f"account {caller.account} has no batch {named}: see `trueup batches list`")
    return found


def _told(batch: BatchRecord) -> dict[str, object]:
    return record_of(batch, _MEMBERS)
