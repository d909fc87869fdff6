"""Invoices as documents: a page, or PDF; one, or all of a month."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Connection

from trueup.domain.month import month_of
from trueup.errors import ExitCode
from trueup.store.accounts.tokens import Caller
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit, say
from trueup_worker.cli.terminal.progress import bar
from trueup_worker.cli.terminal.whole_file import whole_file
from trueup_worker.documents.invoices import document_of_invoice, invoices_of_month
from trueup_worker.documents.page import page_of
from trueup_worker.documents.typesetter import NotSet, Typesetter
from trueup_worker.documents.view import Document
from trueup_worker.reporting.drafts import show_with_drafts

app = typer.Typer()

_STDOUT = "-"

_Invoice = Annotated[str, typer.Argument(metavar="ID|NUMBER", help="Of the invoice, or the draft's id.")]
_Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; - for stdout. Else a name of its own.")
]


@app.command()
def pdf(
    ctx: typer.Context,
    invoice: Annotated[
        str | None, typer.Argument(metavar="[ID|NUMBER]", help="Of the invoice, or the draft's id.")
    ] = None,
    *,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], metavar="YYYY-MM", help="All invoices of this date.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="Where to; - for stdout. Of a month a folder."),
    ] = None,
) -> None:
    """Write an invoice, a draft, or all invoices of a month as PDF. Needs the scope read and the extra pdf.

    The same invoice gives the same bytes, whatever was changed since of seller or customer.
    """
    if (invoice is None) == (month is None):
        raise CommandError("give one invoice by its ID or NUMBER, or all of a month with --month YYYY-MM")
    here = session(ctx)
    with Typesetter() as typesetter:
        if month is not None:
            raise typer.Exit(write_month(here, month.replace(tzinfo=UTC), output, typesetter))
        document = _document(here, lambda connection, caller: id_of(connection, caller, str(invoice), "invoice"))
        _write(typesetter.pdf(document, tell=say), output or f"{document.file_name}.pdf")


@app.command()
def html(ctx: typer.Context, invoice: _Invoice, *, output: _Output = None) -> None:
    """Write an invoice or a draft as a page that loads nothing and runs nothing. Needs the scope read."""
    document = _document(session(ctx), lambda connection, caller: id_of(connection, caller, invoice, "invoice"))
    _write(page_of(document).encode(), output or f"{document.file_name}.html")


def _document(here: Session, find: Callable[[Connection, Caller], UUID]) -> Document:
    """An invoice's document."""
    with here.snapshot("read") as (connection, caller):
        invoice_id = find(connection, caller)
        grace_h = here.settings.usage_grace_h
        found = show_with_drafts(connection, caller.account_id, invoice_id, usage_grace_h=grace_h)
        if found is None:
            raise CommandError(f"account {caller.account} has no invoice {invoice_id}")
        return document_of_invoice(connection, caller.account_id, found)


def write_month(here: Session, month: datetime, output: str | None, typesetter: Typesetter) -> ExitCode:
    """Write all invoices of a month, each of a moment of its own: what is finalized stays as it is."""
    if output is None or output == _STDOUT:
        raise CommandError("say with -o into which folder the invoices of a month go")
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with here.snapshot("read") as (connection, caller):
        until = month_of(month).ending_before
        ids = list(invoices_of_month(connection, caller.account_id, since=month, until=until))
    failed = 0
    with bar("invoices", total=len(ids)) as shown:
        for each in ids:
            try:
                document = _document(here, lambda _, __, chosen=each: chosen)  # type: ignore[misc]
                pdf = typesetter.pdf(document, tell=say)
                _write(pdf, str(folder / f"{document.file_name}.pdf"), quietly=True)
            except NotSet as error:
                failed += 1
                say(f"invoice {each}: {error}")
            shown(1)
    say(f"{len(ids) - failed} invoices of {month:%Y-%m} are in {folder}")
    return ExitCode.ROWS_FAILED if failed else ExitCode.OK


def _write(content: bytes, output: str, *, quietly: bool = False) -> None:
    """Write a file as `whole_file` does, or to stdout.

    Raises:
        CommandError: it cannot be written.
    """
    if output == _STDOUT:
        emit(content)
        return
    path = Path(output)
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", ExitCode.UNREADABLE) from None
    if not quietly:
        say(f"{path} is written")
