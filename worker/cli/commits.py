"""Commits and credits: listed, shown, adjusted by hand (spec 3.2)."""

from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import typer

from shared.store.commits import list_commits, show_commit
from worker.cli.arguments import read_amount
from worker.cli.context import session
from worker.cli.exits import CommandError
from worker.cli.listing import AsJson, Limit, emit_list
from worker.cli.output import emit_json, emit_record
from worker.invoicing.adjust import adjust_commit

app = typer.Typer(no_args_is_help=True, help="Commits and credits: list, show, adjust.")

_COLUMNS = ("id", "type", "customer", "name", "amount", "balance", "uniqueness_key")

CommitId = Annotated[UUID, typer.Argument(metavar="ID", help="The commit's id, which is its request's.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    customer: Annotated[UUID | None, typer.Option(metavar="ID", help="Of this customer only.")] = None,
    type: Annotated[  # noqa: A002 (the option's name)
        Literal["PREPAID", "POSTPAID", "CREDIT"] | None, typer.Option(help="Of this type only.", case_sensitive=False)
    ] = None,
    uniqueness_key: Annotated[str | None, typer.Option(metavar="KEY", help="With this key only.")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List commits and credits in the order of their ids. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        fetch = partial(
            list_commits,
            connection,
            caller.account_id,
            customer_id=customer,
            commit_type=type,
            uniqueness_key=uniqueness_key,
        )
        emit_list(fetch, _COLUMNS, limit=limit, as_json=as_json)


@app.command()
def show(ctx: typer.Context, commit_id: CommitId, *, as_json: AsJson = False) -> None:
    """Show one commit with its segments, obligations and ledger. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        found = show_commit(connection, caller.account_id, commit_id)
    if found is None:
        raise CommandError(f"account {caller.account} has no commit or credit {commit_id}")
    emit_json(found) if as_json else emit_record(found)


@app.command()
def adjust(
    ctx: typer.Context,
    commit_id: CommitId,
    *,
    amount: Annotated[Decimal, typer.Option(parser=read_amount, metavar="±N", help="What to book, with its sign.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")],
    segment: Annotated[int | None, typer.Option(help="Which segment, from 0, if there are several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Book a ledger entry by hand; refused once the true-up is settled. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        booked = adjust_commit(
            connection,
            account_id=caller.account_id,
            commit_id=commit_id,
            amount=amount,
            reason=reason,
            actor=caller.key_id,
            segment=segment,
        )
    emit_json(booked) if as_json else emit_record(asdict(booked), title="booked")
