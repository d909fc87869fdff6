"""Invoices, drafts included."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.unit import PIECES, Unit
from trueup.store.catalog.units import units_of
from trueup.store.invoices.invoice import Invoice, Status
from trueup_worker.cli.ledger.records import listed_invoice, shown_invoice
from trueup_worker.cli.terminal.amounts import in_its_unit, in_money, sentence, true_up_text
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.lazy import Entry, LazyGroup
from trueup_worker.cli.terminal.listing import After, AsJson, Limit, emit_search
from trueup_worker.cli.terminal.named import id_if_named, id_of
from trueup_worker.cli.terminal.output import Record, as_printed, as_text, emit_json, emit_record, emit_table, say
from trueup_worker.invoicing.correct import Correction, correct_month
from trueup_worker.invoicing.mark import Mark, mark_invoice
from trueup_worker.invoicing.regenerate import regenerate_invoice, regenerate_month
from trueup_worker.invoicing.release import release_obligation
from trueup_worker.invoicing.void import void_invoice
from trueup_worker.reporting.drafts import list_with_drafts, show_with_drafts

_DOCUMENTS = "trueup_worker.cli.ledger.invoice_documents"


class _Invoices(LazyGroup):
    table = {  # noqa: RUF012 (declared as ClassVar where it comes from)
        "pdf": Entry(_DOCUMENTS, "Write an invoice, a draft, or all invoices of a month as PDF."),
        "html": Entry(_DOCUMENTS, "Write an invoice or a draft as a page."),
    }


app = typer.Typer(
    cls=_Invoices,
    no_args_is_help=True,
    help="Invoices and drafts: list, show, pdf, html, release, void, regenerate, correct, mark.",
)

COLUMNS = ("number", "status", "issued_at", "customer", "total", "amount_due", "held", "id")
CORRECTED = ("type", "month", "contract_id", "commit_id", "before_number", "before", "after_number", "after")


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    status: Annotated[Status | None, typer.Option(help="With this status only.", case_sensitive=False)] = None,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Of this customer only.")] = None,
    commit: Annotated[str | None, typer.Option(metavar="COMMIT", help="Of this commit only.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A number, or in the customer's name, in any case.")
    ] = None,
    after: After = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List invoices by number, then drafts as they fall due, then drafts of open usage. Needs the scope read.

    A status beside --customer or --commit has no index, nor has --search, nor have drafts of a customer with more than
    1,000 commits: up to 5,000 are searched, and --after goes on from there. With --json all are.
    """
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        fetch = partial(
            list_with_drafts,
            connection,
            caller.account_id,
            status=status,
            customer_id=id_if_named(connection, caller, customer, "customer"),
            commit_id=id_if_named(connection, caller, commit, "commit"),
            search=search,
            usage_grace_h=here.settings.usage_grace_h,
        )
        shown = partial(in_money_listed, units_of(connection, caller.account_id))
        emit_search(fetch, COLUMNS, after, limit=limit, as_json=as_json, told=listed_invoice, shown=shown)


@app.command()
def show(
    ctx: typer.Context,
    invoice: Annotated[str, typer.Argument(metavar="ID|NUMBER", help="The invoice's id or number.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one invoice or draft with its lines. Needs the scope read."""
    here = session(ctx)
    with here.snapshot("read") as (connection, caller):
        invoice_id = id_of(connection, caller, invoice, "invoice")
        found = show_with_drafts(connection, caller.account_id, invoice_id, usage_grace_h=here.settings.usage_grace_h)
        units = units_of(connection, caller.account_id)
    if found is None:
        raise CommandError(f"account {caller.account} has no invoice {invoice}")
    told = shown_invoice(found)
    if as_json:
        emit_json(told)
    else:
        unit = units.get(str(told["unit_id"]), PIECES)
        emit_record(in_its_unit(told, units) | {"lines": [_shown_line(line, unit) for line in told["lines"]]})


def in_money_listed(units: Mapping[str, Unit], invoices: Sequence[Invoice]) -> list[Record]:
    """Rows of `COLUMNS`."""
    return [in_its_unit(listed_invoice(each), units) for each in invoices]


def _shown_line(line: Record, unit: Unit) -> Record:
    """A line of an invoice; the figures of a true-up as a sentence."""
    figures = {"arithmetic": true_up_text(line["arithmetic"], unit)} if line.get("arithmetic") else {}
    return in_money(as_printed(line), unit) | figures


@app.command()
def release(
    ctx: typer.Context,
    draft: Annotated[
        str,
        typer.Argument(metavar="ID|KEY|CUSTOMER", help="The parked or held draft, its commit's key, or whose months."),
    ],
    *,
    reason: Annotated[str | None, typer.Option(help="Why; needed for what is held, and kept in the audit.")] = None,
) -> None:
    """Let an invoice that was parked or held be made, on your word. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        draft_id = id_of(connection, caller, draft, "draft", "customer", is_to_change=True)
        release_obligation(
            connection, account_id=caller.account_id, obligation_id=draft_id, actor=caller.key_id, reason=reason
        )
    say(f"{draft_id} is pending again")


@app.command()
def void(
    ctx: typer.Context,
    invoice: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="Of the invoice, or of a usage period without one.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")],
) -> None:
    """Take a finalized invoice back: its ledger entries are met by their opposites. Needs the scope operate."""
    with session(ctx).transaction("operate") as (connection, caller):
        invoice_id = id_of(connection, caller, invoice, "invoice", is_to_change=True)
        voided = void_invoice(
            connection, account_id=caller.account_id, invoice_id=invoice_id, reason=reason, actor=caller.key_id
        )
    how = "was void already, since" if voided.was_void else "is void,"
    say(f"{invoice_id} {how} {as_text(voided.voided_at)}: make it anew with `trueup invoices regenerate {invoice_id}`")


@app.command()
def regenerate(
    ctx: typer.Context,
    invoice: Annotated[str | None, typer.Argument(metavar="[ID|NUMBER]", help="Of what is void.")] = None,
    *,
    contract: Annotated[
        str | None, typer.Option(metavar="CONTRACT", help="Take late usage of this contract in, in place of an ID.")
    ] = None,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], metavar="YYYY-MM", help="The closed month of that usage.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a void invoice anew, or bill late usage of a month that closed without any. Needs the scope operate."""
    if (invoice is None) == (contract is None) or (contract is None) != (month is None):
        raise CommandError("give the ID of what is void, or both --contract and --month")
    with session(ctx).transaction("operate") as (connection, caller):
        account_id, actor = caller.account_id, caller.key_id
        if contract is not None and month is not None:
            wanted = month.replace(tzinfo=UTC)
            contract_id = id_of(connection, caller, contract, "contract", is_to_change=True)
            made = regenerate_month(
                connection, account_id=account_id, contract_id=contract_id, month=wanted, actor=actor
            )
        elif invoice is not None:
            invoice_id = id_of(connection, caller, invoice, "invoice", is_to_change=True)
            made = [regenerate_invoice(connection, account_id=account_id, invoice_id=invoice_id, actor=actor)]
    records = [{"id": each.id, "replaces": each.replaces, "is_final": each.is_final} for each in made]
    emit_json(records) if as_json else emit_table(("id", "replaces", "is_final"), records)


@app.command()
def correct(
    ctx: typer.Context,
    *,
    customer: Annotated[str, typer.Option(metavar="CUSTOMER", help="Whose usage.")],
    month: Annotated[
        datetime, typer.Option(formats=["%Y-%m"], metavar="YYYY-MM", help="The first closed month to look at.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "corrected",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a month right, late usage included, with all later invoices and true-ups that depend on it.

    Whatever does not stand as it should is voided and made anew, in one transaction. Needs the scope operate.
    """
    here = session(ctx)
    with here.transaction("operate") as (connection, caller):
        made = correct_month(
            connection,
            account_id=caller.account_id,
            customer_id=id_of(connection, caller, customer, "customer", is_to_change=True),
            month=month.replace(tzinfo=UTC),
            reason=reason,
            actor=caller.key_id,
            usage_grace_h=here.settings.usage_grace_h,
            dry_run=dry_run,
        )
        units = units_of(connection, caller.account_id)
    records = [asdict(each) | {"difference": each.difference} for each in made]
    if as_json:
        emit_json(records)
        return
    if made:
        shown = [in_money(each, units.get(str(each["unit_id"]))) for each in records]
        emit_table((*CORRECTED, "difference", "state"), shown)
    for unit_id in dict.fromkeys(each.unit_id for each in made):
        before, after = (exact_sum(figures) for figures in _charged(made, unit_id))
        charged = {"before": before, "after": after}
        say(sentence("charged before {before}, now {after} {currency}", charged, units.get(str(unit_id), PIECES)))
    say(("nothing was done: this is what would be" if dry_run else "done") if made else "all stands as it should")


def _charged(made: Sequence[Correction], unit_id: UUID) -> tuple[list[Decimal], list[Decimal]]:
    """Charges in a unit, before and now."""
    of_unit = [each for each in made if each.unit_id == unit_id]
    return [each.before for each in of_unit], [each.after for each in of_unit]


@app.command()
def mark(
    ctx: typer.Context,
    invoice: Annotated[str, typer.Argument(metavar="ID|NUMBER", help="Of a finalized invoice.")],
    what: Annotated[Mark, typer.Argument(metavar="paid|exported", help="What was done with it.")],
) -> None:
    """Say that an invoice is paid, or in other books: it is not voided or corrected then. Needs the scope operate."""
    _mark(ctx, invoice, what, is_set=True)


@app.command()
def unmark(
    ctx: typer.Context,
    invoice: Annotated[str, typer.Argument(metavar="ID|NUMBER", help="Of a marked invoice.")],
    what: Annotated[Mark, typer.Argument(metavar="paid|exported", help="The mark to take back.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit.")],
) -> None:
    """Take a mark back, so that the invoice can be voided or corrected. Needs the scope operate."""
    _mark(ctx, invoice, what, is_set=False, reason=reason)


def _mark(ctx: typer.Context, invoice: str, what: Mark, *, is_set: bool, reason: str | None = None) -> None:
    with session(ctx).transaction("operate") as (connection, caller):
        invoice_id = id_of(connection, caller, invoice, "invoice", is_to_change=True)
        changed = mark_invoice(
            connection,
            account_id=caller.account_id,
            invoice_id=invoice_id,
            mark=what,
            is_set=is_set,
            actor=caller.key_id,
            reason=reason,
        )
    how = "is" if is_set else "is not"
    say(f"{invoice_id} {how} marked {what}" + ("" if changed else ", as before"))
