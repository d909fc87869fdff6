"""The catalog file: the reference data that requests are checked against."""

import re
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from trueup.domain.unit import AmountsIn
from trueup.domain.unit import Unit as UnitOfAmounts
from trueup.errors import ExitCode, TrueupError
from trueup.extras import extra

with extra("postgres", needed_by="a catalog"):
    from iso4217 import Currency

ProductType = Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
UsageInvoicing = Literal["MONTHLY", "NONE"]

_Name = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00]*$")]
_Alias = Annotated[_Name, Field(min_length=1)]


# What says a currency where nothing else does: `EUR` counts euros, `EUR (cents)` and `JPY (minor units)` what they say.
_CURRENCY_NAME = re.compile(r"(?P<currency>[A-Z]{3})(?P<minor> \((?:(?P<cents>cents)|minor units)\))?")
_OF_CENTS = 2


class InvalidCatalog(TrueupError):
    """The catalog file is not what it should be; the message lists every problem, one a line."""

    exit_code = ExitCode.UNREADABLE


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID


class Customer(_Entry):
    """Customer: who promises to spend; the aliases are what other systems call them, each one customer's alone."""

    name: _Name
    custom_fields: dict[str, str] = {}
    ingest_aliases: tuple[_Alias, ...] = ()


class Product(_Entry):
    """Product: what is charged for; its type never changes."""

    name: _Name
    type: ProductType
    tags: tuple[_Name, ...] = ()


class Contract(_Entry):
    """Under which agreement; its customer never changes. The time is half-open, in any offset."""

    customer_id: UUID
    name: _Name | None = None
    starting_at: AwareDatetime
    ending_before: AwareDatetime | None = None
    usage_invoicing: UsageInvoicing = "MONTHLY"
    net_payment_terms_days: Annotated[int, Field(ge=0, le=3650)] | None = None

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.ending_before is not None and not self.starting_at < self.ending_before:
            raise ValueError("ending_before must be later than starting_at")
        return self


class Unit(_Entry):
    """Unit that amounts are counted in; of money its currency, and whether 1 is a cent (minor) or a dollar (major)."""

    name: _Name
    currency: _Name | None = None
    amounts_in: AmountsIn | None = None

    @model_validator(mode="after")
    def _is_money_or_not(self) -> Self:
        if (self.currency is None) != (self.amounts_in is None):
            raise ValueError("currency and amounts_in (minor or major) go together; what is no money has neither")
        if self.currency is not None and _exponent(self.currency) is None:
            raise ValueError(f"{self.currency!r} is no currency of ISO 4217 with a minor unit, as EUR is")
        return self

    @property
    def exponent(self) -> int | None:
        """Decimals of the currency's minor unit; None: it is no money."""
        return None if self.currency is None else _exponent(self.currency)

    @property
    def as_named(self) -> UnitOfAmounts:
        """Unit as its name has it, where the entry says nothing: `EUR (cents)` counts cents, `credits` is no money."""
        named = _CURRENCY_NAME.fullmatch(self.name)
        exponent = _exponent(named["currency"]) if named else None
        if named is None or exponent is None or (named["cents"] and exponent != _OF_CENTS):
            return UnitOfAmounts(self.name)
        return UnitOfAmounts(self.name, named["currency"], exponent, "minor" if named["minor"] else "major")


class Catalog(BaseModel):
    """A catalog file. Every list may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customers: tuple[Customer, ...] = ()
    products: tuple[Product, ...] = ()
    contracts: tuple[Contract, ...] = ()
    units: tuple[Unit, ...] = ()


def read_catalog(text: bytes) -> Catalog:
    """Read a catalog file.

    Raises:
        InvalidCatalog: names every field that is wrong, by JSON Pointer.
    """
    try:
        return Catalog.model_validate_json(text)
    except ValidationError as error:
        lines = [f"/{'/'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise InvalidCatalog("\n".join(lines)) from None


def _exponent(currency: str) -> int | None:
    """Decimals of a currency's minor unit; None: ISO 4217 has no such currency, or no minor unit of it."""
    try:
        return Currency(currency).exponent
    except ValueError:
        return None
