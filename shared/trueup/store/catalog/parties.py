"""Seller and customer of invoices: kept in versions, so that an invoice shows them as they were at its finalization."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, text

from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import Unit
from trueup.store.postgres.rows import fetch_one
from trueup.store.tables import billing_details, seller_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Party that sends an invoice, or gets it; "" is left out. The address has several lines."""

    name: str = ""
    address: str = ""
    tax_id: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller(Party):
    """Profile of an account as the sender of invoices.

    Attributes:
        payment_terms: what an invoice says of them.
        payment_terms_days: from the invoice's date to its due date, where its contract says nothing.
        footer: the last lines.
        custom_fields: names of those of commit and customer that invoices show.
        logo: a PNG; None: none.
    """

    payment_terms: str = ""
    payment_terms_days: int | None = None
    footer: str = ""
    custom_fields: tuple[str, ...] = ()
    logo: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Parties of one invoice, and how they are shown.

    Attributes:
        payment_terms_days: None: it is due at no known date.
        custom_fields: names and values that the seller shows.
        unit: of the amounts; None: it is what it is now, or USD.
    """

    locale: str
    seller: Party
    customer: Party
    payment_terms: str = ""
    payment_terms_days: int | None = None
    footer: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()
    logo: bytes | None = None
    unit: Unit | None = None


def parties_expression(*, customer: str, contract: str, commit: str, unit: str) -> str:
    """SQL of what an invoice keeps of its parties: versions, and what stands in no version.

    The statement that it stands in has a parameter `account_id`.

    Args:
        customer: SQL of the customer's id.
        contract: likewise.
        commit: likewise.
        unit: likewise; what USD are never changes.
    """
    return f"""(
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'locale', a.locale, 'seller', seller.version,
            'billing', (SELECT max(version) FROM billing_details
                         WHERE account_id = :account_id AND customer_id = {customer}),
            'customer', called.name,
            'terms_days', coalesce((SELECT net_payment_terms_days FROM contract
                                     WHERE account_id = :account_id AND id = {contract}), seller.payment_terms_days),
            'unit', CASE WHEN {unit} <> '{USD_CENTS}' THEN (
                SELECT jsonb_build_object('name', name, 'currency', currency, 'exponent', exponent,
                                          'amounts_in', amounts_in)
                  FROM unit WHERE account_id = :account_id AND id = {unit}) END,
            'fields', CASE WHEN cardinality(seller.custom_fields) > 0 THEN (
                SELECT jsonb_object_agg(shown.key, shown.value)
                  FROM jsonb_each(coalesce(called.custom_fields, '{{}}') || coalesce(
                      (SELECT custom_fields FROM commit WHERE account_id = :account_id AND id = {commit}), '{{}}'
                  )) AS shown
                 WHERE shown.key = ANY(seller.custom_fields)) END))
          FROM account AS a
          LEFT JOIN LATERAL (SELECT version, payment_terms_days, custom_fields FROM seller_profile
                              WHERE account_id = a.id ORDER BY version DESC LIMIT 1) AS seller ON true
          LEFT JOIN customer AS called ON called.account_id = a.id AND called.id = {customer}
         WHERE a.id = :account_id)"""


_NOW = parties_expression(
    customer="CAST(:customer_id AS uuid)",
    contract="CAST(:contract_id AS uuid)",
    commit="CAST(:commit_id AS uuid)",
    unit="CAST(NULL AS uuid)",
)
_KEPT = text(f"""
    SELECT coalesce((SELECT parties FROM invoice WHERE account_id = :account_id AND id = :id), {_NOW}),
           (SELECT name FROM account WHERE id = :account_id)
""")
_SELLER = """
    SELECT name, address, tax_id, email, payment_terms, payment_terms_days, footer, custom_fields, logo
      FROM seller_profile WHERE account_id = :account_id"""
_BILLING = """
    SELECT name, address, tax_id, email FROM billing_details
     WHERE account_id = :account_id AND customer_id = :customer_id"""
_LAST = " ORDER BY version DESC LIMIT 1"


def parties_of(
    connection: Connection,
    account_id: int,
    *,
    invoice_id: UUID,
    customer_id: UUID,
    contract_id: UUID | None,
    commit_id: UUID | None,
) -> Parties:
    """Parties of an invoice as they were at its finalization; of a draft as they are now."""
    which = {"account_id": account_id, "id": invoice_id, "customer_id": customer_id}
    kept, account = connection.execute(_KEPT, which | {"contract_id": contract_id, "commit_id": commit_id}).one()
    seller = _version(connection, Seller, _SELLER, which, kept.get("seller")) or Seller(name=account)
    billing = _version(connection, Party, _BILLING, which, kept.get("billing")) or Party()
    fields: Mapping[str, Any] = kept.get("fields", {})
    return Parties(
        locale=kept["locale"],
        seller=Party(name=seller.name, address=seller.address, tax_id=seller.tax_id, email=seller.email),
        customer=Party(
            name=billing.name or kept.get("customer", ""),
            address=billing.address,
            tax_id=billing.tax_id,
            email=billing.email,
        ),
        payment_terms=seller.payment_terms,
        payment_terms_days=kept.get("terms_days"),
        footer=seller.footer,
        custom_fields=tuple((name, str(fields[name])) for name in seller.custom_fields if name in fields),
        logo=seller.logo,
        unit=Unit(**kept["unit"]) if "unit" in kept else None,
    )


def seller_of(connection: Connection, account_id: int) -> Seller | None:
    """The account's profile as it is now; None: it has none."""
    return _seller(fetch_one(connection, dict, text(_SELLER + _LAST), {"account_id": account_id}))


def billing_of(connection: Connection, account_id: int, customer_id: UUID) -> Party | None:
    """The customer's billing details as they are now; None: there are none."""
    which = {"account_id": account_id, "customer_id": customer_id}
    return fetch_one(connection, Party, text(_BILLING + _LAST), which)


def lock_parties(connection: Connection, account_id: int) -> None:
    """Let whoever changes parties of the account wait for each other, by a row of numbers that nothing else locks."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:account_id, 28)"), {"account_id": account_id})


def set_seller(connection: Connection, account_id: int, seller: Seller) -> None:
    """Make the next version of the profile; invoices that are finalized keep theirs."""
    told = asdict(seller) | {"custom_fields": list(seller.custom_fields)}
    _add(connection, seller_profile, {"account_id": account_id}, told)


def set_billing(connection: Connection, account_id: int, customer_id: UUID, billing: Party) -> None:
    """Make the next version of a customer's billing details, likewise."""
    _add(connection, billing_details, {"account_id": account_id, "customer_id": customer_id}, asdict(billing))


def _add(connection: Connection, table: Any, whose: dict[str, Any], told: dict[str, Any]) -> None:
    lock_parties(connection, whose["account_id"])
    where = " AND ".join(f"{name} = :{name}" for name in whose)
    version = connection.scalar(text(f"SELECT coalesce(max(version), 0) + 1 FROM {table.name} WHERE {where}"), whose)
    connection.execute(insert(table).values(**whose, version=version, **told))


def _version(connection: Connection, kind: Any, statement: str, which: Mapping[str, Any], version: int | None) -> Any:
    if version is None:
        return None
    found = fetch_one(connection, dict, text(f"{statement} AND version = :version"), {**which, "version": version})
    return _seller(found) if kind is Seller else Party(**found) if found else None


def _seller(found: dict[str, Any] | None) -> Seller | None:
    if found is None:
        return None
    logo = found["logo"]
    return Seller(
        **found | {"custom_fields": tuple(found["custom_fields"]), "logo": None if logo is None else bytes(logo)}
    )
