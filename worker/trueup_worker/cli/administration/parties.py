"""Parties of invoices, shown and changed: whom they are from, and whom they go to."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from trueup.errors import ExitCode
from trueup.limits import LOGO_UPLOAD_BYTES_MAX
from trueup.store.accounts.audit import note
from trueup.store.catalog.parties import Party, Seller, billing_of, seller_of, set_billing, set_seller
from trueup.store.catalog.records import has_customer
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.named import id_of
from trueup_worker.cli.terminal.output import Record, emit_json, emit_record, record_of, say

_CHARS_MAX = 1_000
_LINES_MAX = 12
_FIELDS_MAX = 20

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
        int | None, typer.Option(min=0, max=3650, help="Days to the due date, where the contract says nothing.")
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
    )
    if show_field is not None:
        given["custom_fields"] = _fields(show_field)
    if logo is not None:
        given["logo"] = _png(logo)
    elif no_logo:
        given["logo"] = None
    with session(ctx).transaction("operate" if given else "read") as (connection, caller):
        before = seller_of(connection, caller.account_id)
        known = before or Seller(name=caller.account)
        if given:
            known = replace(known, **given)
            set_seller(connection, caller.account_id, known)
            note(
                connection,
                caller.account_id,
                actor=caller.key_id,
                action="set_seller",
                subject="account",
                before=_told(before) if before else None,
                after=_told(known),
            )
    _emit(known, is_set=bool(given or before), as_json=as_json)


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
    with session(ctx).transaction("operate" if given else "read") as (connection, caller):
        customer_id = id_of(connection, caller, customer, "customer", is_to_change=bool(given))
        if not has_customer(connection, caller.account_id, customer_id):
            raise CommandError(f"account {caller.account} has no customer {customer}: see `trueup customers list`")
        before = billing_of(connection, caller.account_id, customer_id)
        known = before or Party()
        if given:
            known = replace(known, **given)
            set_billing(connection, caller.account_id, customer_id, known)
            note(
                connection,
                caller.account_id,
                actor=caller.key_id,
                action="set_billing",
                subject=str(customer_id),
                before=_told(before) if before else None,
                after=_told(known),
            )
    _emit(known, is_set=bool(given or before), as_json=as_json)


def _given(**options: str | int | None) -> dict[str, Any]:
    """Options that were given, as they are kept.

    Raises:
        CommandError: a text is too long.
    """
    given: dict[str, Any] = {}
    for option, value in options.items():
        if isinstance(value, str):
            kept = value.replace("\\n", "\n").strip()
            if len(kept) > _CHARS_MAX or kept.count("\n") >= _LINES_MAX or "\0" in kept:
                named = f"--{option.replace('_', '-')}"
                raise CommandError(f"{named} is a text of at most {_CHARS_MAX} characters on {_LINES_MAX} lines")
            given[option] = kept
        elif value is not None:
            given[option] = value
    return given


def _fields(names: list[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(filter(None, names)))
    if len(kept) > _FIELDS_MAX or any(len(each) > _CHARS_MAX for each in kept):
        raise CommandError(f"--show-field names at most {_FIELDS_MAX} custom fields")
    return kept


def _png(file: Path) -> bytes:
    from trueup_worker.documents.logo import png_of  # noqa: PLC0415 - it needs the extra

    try:
        with file.open("rb") as stream:
            return png_of(stream.read(LOGO_UPLOAD_BYTES_MAX + 1))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", ExitCode.UNREADABLE) from None


def _told(party: Party) -> Record:
    """All of it; of the logo its size."""
    told = record_of(party, (field.name for field in fields(party) if field.name != "logo"))
    return told | ({"logo_bytes": len(party.logo or b"")} if isinstance(party, Seller) else {})


def _emit(party: Party, *, is_set: bool, as_json: bool) -> None:
    told = _told(party)
    if as_json:
        emit_json(told)
    elif is_set:
        emit_record({name: value for name, value in told.items() if value not in ("", (), 0)})
    else:
        say("nothing is said yet: see --help")
