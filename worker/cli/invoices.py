"""Invoices, drafts included (spec 3.6)."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from shared.store.invoices import Status
from worker.cli.context import session
from worker.cli.exits import CommandError
from worker.cli.listing import AsJson, Limit, emit_list
from worker.cli.output import as_text, emit_json, emit_record, emit_table, say
from worker.invoicing.drafts import list_with_drafts, show_with_drafts
from worker.invoicing.regenerate import regenerate_invoice, regenerate_month
from worker.invoicing.release import release_obligation
from worker.invoicing.void import void_invoice

app = typer.Typer(no_args_is_help=True, help="Invoices and drafts: list, show, release, void, regenerate.")

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
    """List invoices by number, then drafts as they fall due, then drafts of open usage. Needs the scope read."""
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        fetch = partial(
            list_with_drafts,
            connection,
            caller.account_id,
            status=status,
            customer_id=customer,
            commit_id=commit,
            usage_grace_h=here.settings.usage_grace_h,
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
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        found = show_with_drafts(connection, caller.account_id, invoice_id, usage_grace_h=here.settings.usage_grace_h)
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


@app.command()
def void(
    ctx: typer.Context,
    invoice_id: Annotated[UUID, typer.Argument(metavar="ID", help="Of the invoice, or of a usage period without one.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")],
) -> None:
    """Take a finalized invoice back: its ledger entries are met by their opposites. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        voided = void_invoice(
            connection, account_id=caller.account_id, invoice_id=invoice_id, reason=reason, actor=caller.key_id
        )
    how = "was void already, since" if voided.was_void else "is void,"
    say(f"{invoice_id} {how} {as_text(voided.voided_at)}: make it anew with `trueup invoices regenerate {invoice_id}`")


@app.command()
def regenerate(
    ctx: typer.Context,
    invoice_id: Annotated[UUID | None, typer.Argument(metavar="[ID]", help="Of what is void.")] = None,
    *,
    contract: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Take late usage of this contract in, in place of an ID.")
    ] = None,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], metavar="YYYY-MM", help="The closed month of that usage.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a void invoice anew, or bill late usage of a month that closed without any. Needs the scope operate."""
    if (invoice_id is None) == (contract is None) or (contract is None) != (month is None):
        raise CommandError("give the ID of what is void, or both --contract and --month")
    with session(ctx).transaction("operate") as (connection, caller):
        account_id, actor = caller.account_id, caller.key_id
        if contract is not None and month is not None:
            wanted = month.replace(tzinfo=UTC)
            made = regenerate_month(connection, account_id=account_id, contract_id=contract, month=wanted, actor=actor)
        elif invoice_id is not None:
            made = [regenerate_invoice(connection, account_id=account_id, invoice_id=invoice_id, actor=actor)]
    records = [{"id": each.id, "replaces": each.replaces, "is_final": each.is_final} for each in made]
    emit_json(records) if as_json else emit_table(("id", "replaces", "is_final"), records)
