"""Invoices, drafts included (spec 3.6)."""

from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from shared.store.invoices import Status, list_invoices, show_invoice
from worker.cli.context import session
from worker.cli.exits import CommandError
from worker.cli.listing import AsJson, Limit, emit_list
from worker.cli.output import emit_json, emit_record, say
from worker.invoicing.release import release_obligation

app = typer.Typer(no_args_is_help=True, help="Invoices and drafts: list, show, release.")

COLUMNS = ("number", "status", "issued_at", "customer", "total", "unit", "id")


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    status: Annotated[Status | None, typer.Option(help="With this status only.", case_sensitive=False)] = None,
    customer: Annotated[UUID | None, typer.Option(metavar="ID", help="Of this customer only.")] = None,
    commit: Annotated[UUID | None, typer.Option(metavar="ID", help="Of this commit only.")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List invoices by number, then drafts in the order in which they fall due. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        fetch = partial(
            list_invoices, connection, caller.account_id, status=status, customer_id=customer, commit_id=commit
        )
        emit_list(fetch, COLUMNS, limit=limit, as_json=as_json)


@app.command()
def show(
    ctx: typer.Context,
    invoice_id: Annotated[UUID, typer.Argument(metavar="ID", help="The invoice's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one invoice or draft with its lines. Needs the scope read."""
    with session(ctx).transaction("read") as (connection, caller):
        found = show_invoice(connection, caller.account_id, invoice_id)
    if found is None:
        raise CommandError(f"account {caller.account} has no invoice {invoice_id}")
    emit_json(found) if as_json else emit_record(found)


@app.command()
def release(
    ctx: typer.Context,
    invoice_id: Annotated[UUID, typer.Argument(metavar="ID", help="Of the parked or held draft.")],
) -> None:
    """Let an invoice that was parked or held be made, once its cause is mended. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        release_obligation(connection, account_id=caller.account_id, obligation_id=invoice_id, actor=caller.key_id)
    say(f"{invoice_id} is pending again")
