"""Parties of invoices, shown and changed: whom they are from, and whom they go to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from trueup.errors import ExitCode
from trueup.limits import LOGO_UPLOAD_BYTES_MAX, PAYMENT_DAYS_MAX
from trueup.store.catalog.parties import Party, Seller
from trueup.store.catalog.records import has_customer
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import emit_json, emit_record, say
from trueup_worker.documents.change_parties import (
    WrongParty,
    change_billing,
    change_seller,
    show_billing,
    show_seller,
    told_of,
)

_Name = Annotated[str | None, typer.Option(help="As it stands on invoices.")]
_Address = Annotated[str | None, typer.Option(help=r"Its lines; \n stands between them.")]
_TaxId = Annotated[str | None, typer.Option(help="As people write it.")]
_Email = Annotated[str | None, typer.Option(help="For questions, or where invoices go.")]


def seller(
    ctx: typer.Context,
    *,
    name: _Name = None,
    address: _Address = None,
    tax_id: _TaxId = None,
    email: _Email = None,
    logo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG, JPEG, GIF or WebP. Needs the extra pdf.")
    ] = None,
    no_logo: Annotated[bool, typer.Option("--no-logo", help="Take the logo away.")] = False,
    payment_terms: Annotated[str | None, typer.Option(help="What invoices say of them.")] = None,
    payment_terms_days: Annotated[
        int | None,
        typer.Option(min=0, max=PAYMENT_DAYS_MAX, help="Days to the due date, unless the contract says."),
    ] = None,
    footer: Annotated[str | None, typer.Option(help="The last lines of invoices.")] = None,
    show_field: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A custom field that invoices show; all at once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who invoices are from, or change it for those to come. Changes need the scope operate, else read.

    What is given is changed, "" takes it away; invoices that are finalized keep what they have.
    """
    given = _given(
        name=name,
        address=address,
        tax_id=tax_id,
        email=email,
        payment_terms=payment_terms,
        payment_terms_days=payment_terms_days,
        footer=footer,
        custom_fields=show_field,
    )
    if logo is not None:
        given["logo"] = _png(logo)
    elif no_logo:
        given["logo"] = None
    with session(ctx).transaction("operate" if given else "read") as (connection, caller), _by_option():
        known = change_seller(connection, caller, given) if given else show_seller(connection, caller)
    _emit(known or Seller(name=caller.account), is_set=known is not None, as_json=as_json)


def billing(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, name or alias.")],
    *,
    name: _Name = None,
    address: _Address = None,
    tax_id: _TaxId = None,
    email: _Email = None,
    as_json: AsJson = False,
) -> None:
    """Show whom a customer's invoices go to, or change it for those to come. Changes need the scope operate, else read.

    What is given is changed, "" takes it away; without a name of its own it is the catalog's.
    """
    given = _given(name=name, address=address, tax_id=tax_id, email=email)
    with session(ctx).transaction("operate" if given else "read") as (connection, caller), _by_option():
        customer_id = id_of(connection, caller, customer, "customer", is_to_change=bool(given))
        if not has_customer(connection, caller.account_id, customer_id):
            raise CommandError(f"account {caller.account} has no customer {customer}: see `trueup customers list`")
        if given:
            known: Party | None = change_billing(connection, caller, customer_id, given)
        else:
            known = show_billing(connection, caller, customer_id)
    _emit(known or Party(), is_set=known is not None, as_json=as_json)


def _given(**options: str | int | list[str] | None) -> dict[str, Any]:
    """Options that were given; what stands for a line's end in them is one."""
    return {
        option: value.replace("\\n", "\n") if isinstance(value, str) else value
        for option, value in options.items()
        if value is not None
    }


@contextmanager
def _by_option() -> Iterator[None]:
    """Name what is refused as the command does."""
    try:
        yield
    except WrongParty as error:
        option = {"custom_fields": "show-field"}.get(error.field, error.field.replace("_", "-"))
        raise CommandError(f"--{option} {error.needed}") from None


def _png(file: Path) -> bytes:
    from trueup_worker.documents.logo import png_of  # noqa: PLC0415 - it needs the extra

    try:
        with file.open("rb") as stream:
            return png_of(stream.read(LOGO_UPLOAD_BYTES_MAX + 1))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", ExitCode.UNREADABLE) from None


def _emit(party: Party, *, is_set: bool, as_json: bool) -> None:
    told = told_of(party)
    if as_json:
        emit_json(told)
    elif is_set:
        emit_record({name: value for name, value in told.items() if value not in ("", (), 0)})
    else:
        say("nothing is said yet: see --help")
