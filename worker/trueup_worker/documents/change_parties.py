"""The use cases: whom invoices are from, and whom they go to, is changed for those to come, with audit rows."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.errors import NotFound, TrueupError
from trueup.limits import PARTY_CHARS_MAX, PARTY_LINES_MAX, SHOWN_FIELDS_MAX
from trueup.store.accounts.audit import note
from trueup.store.accounts.tokens import Caller
from trueup.store.catalog.names import customer_name
from trueup.store.catalog.parties import (
    Party,
    Seller,
    billing_of,
    lock_parties,
    seller_of,
    set_billing,
    set_seller,
)

Record = dict[str, Any]


class WrongParty(TrueupError):
    """A value is none that an invoice can show.

    Attributes:
        field: its name.
        needed: what it must be.
    """

    def __init__(self, field: str, needed: str) -> None:
        super().__init__(f"{field} {needed}")
        self.field, self.needed = field, needed


def show_seller(connection: Connection, caller: Caller) -> Seller | None:
    """The profile of the caller's account; None: nobody has said any."""
    return seller_of(connection, caller.account_id)


def change_seller(connection: Connection, caller: Caller, given: Mapping[str, Any]) -> Seller:
    """Change what is given of the profile; invoices that are finalized keep what they have.

    Args:
        connection: a transaction.
        caller: whose profile.
        given: fields of `Seller`; "", () and no logo take away what was there.

    Raises:
        WrongParty: a text is too long, or too many fields are named.
    """
    lock_parties(connection, caller.account_id)
    before = seller_of(connection, caller.account_id)
    after = replace(before or Seller(name=caller.account), **_kept(given))
    set_seller(connection, caller.account_id, after)
    _note(connection, caller, "set_seller", "account", before=before, after=after)
    return after


def show_billing(connection: Connection, caller: Caller, customer_id: UUID) -> Party | None:
    """Billing details of a customer; None: nobody has said any.

    Raises:
        NotFound: the account has no such customer.
    """
    _require_customer(connection, caller, customer_id)
    return billing_of(connection, caller.account_id, customer_id)


def change_billing(connection: Connection, caller: Caller, customer_id: UUID, given: Mapping[str, Any]) -> Party:
    """Change what is given of a customer's billing details, likewise.

    Raises:
        WrongParty: a text is too long.
        NotFound: the account has no such customer.
    """
    _require_customer(connection, caller, customer_id)
    lock_parties(connection, caller.account_id)
    before = billing_of(connection, caller.account_id, customer_id)
    after = replace(before or Party(), **_kept(given))
    set_billing(connection, caller.account_id, customer_id, after)
    _note(connection, caller, "set_billing", str(customer_id), before=before, after=after)
    return after


def told_of(party: Party) -> Record:
    """All of it; of the logo its size."""
    told = asdict(party)
    if isinstance(party, Seller):
        del told["logo"]
        told["logo_bytes"] = len(party.logo or b"")
    return told


def _kept(given: Mapping[str, Any]) -> Record:
    return {name: _judged(name, value) for name, value in given.items()}


def _judged(name: str, value: Any) -> Any:
    if isinstance(value, str):
        kept = value.strip()
        if len(kept) > PARTY_CHARS_MAX or kept.count("\n") >= PARTY_LINES_MAX or "\0" in kept:
            raise WrongParty(name, f"is a text of at most {PARTY_CHARS_MAX} characters on {PARTY_LINES_MAX} lines")
        return kept
    if name == "custom_fields":
        names = tuple(dict.fromkeys(filter(None, value)))
        if len(names) > SHOWN_FIELDS_MAX or any(len(each) > PARTY_CHARS_MAX for each in names):
            raise WrongParty(name, f"names at most {SHOWN_FIELDS_MAX} custom fields")
        return names
    return value


def _require_customer(connection: Connection, caller: Caller, customer_id: UUID) -> None:
    if customer_name(connection, caller.account_id, customer_id) is None:
        raise NotFound(f"there is no customer {customer_id}")


def _note(
    connection: Connection, caller: Caller, action: str, subject: str, *, before: Party | None, after: Party
) -> None:
    note(
        connection,
        caller.account_id,
        actor=caller.key_id,
        action=action,
        subject=subject,
        before=told_of(before) if before else None,
        after=told_of(after),
    )
