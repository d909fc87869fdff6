"""Parties of invoices: whom they are from, and whom they go to."""

from typing import Self

from trueup.store.catalog.parties import Party as PartyRecord
from trueup.store.catalog.parties import Seller as SellerRecord
from trueup_worker.documents.change_parties import told_of
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Answer


class Billing(Answer):
    """Addressee of a customer's invoices; what is left out, nobody has said.

    Attributes:
        name: where there is none, it is the customer's.
        address: its lines.
    """

    name: str = ""
    address: str = ""
    tax_id: str = ""
    email: str = ""

    @classmethod
    def of(cls, party: PartyRecord) -> Self:
        """Details as they are now."""
        return cls(**told_of(party))

    @classmethod
    def example(cls) -> Self:
        """An address and where invoices are sent."""
        return cls(address=examples.ADDRESS, email="accounts@example.com")


class Seller(Answer):
    """Sender of invoices; what is left out, nobody has said.

    Attributes:
        address: its lines.
        payment_terms: what invoices say of them.
        payment_terms_days: from an invoice to its due date, where its contract says nothing.
        footer: the last lines of an invoice.
        custom_fields: names of those of commit and customer that invoices show.
        logo_bytes: size of the logo, as PNG.
    """

    name: str
    address: str = ""
    tax_id: str = ""
    email: str = ""
    payment_terms: str = ""
    payment_terms_days: int | None = None
    footer: str = ""
    custom_fields: tuple[str, ...] = ()
    logo_bytes: int = 0

    @classmethod
    def of(cls, seller: SellerRecord) -> Self:
        """A profile as it is now."""
        return cls(**told_of(seller))

    @classmethod
    def example(cls) -> Self:
        """A seller who is paid in thirty days."""
        return cls(
            name=examples.SELLER, address=examples.ADDRESS, payment_terms_days=examples.PAYMENT_DAYS, logo_bytes=4_711
        )


class BillingAnswer(Answer):
    """Billing details of one customer."""

    data: Billing

    @classmethod
    def example(cls) -> Self:
        """Those of the example."""
        return cls(data=Billing.example())


class SellerAnswer(Answer):
    """The profile of the account."""

    data: Seller

    @classmethod
    def example(cls) -> Self:
        """Profile of the example."""
        return cls(data=Seller.example())
