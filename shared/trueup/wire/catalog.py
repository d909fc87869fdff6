"""The catalog file: the reference data that requests are checked against."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from trueup.errors import ExitCode, TrueupError

ProductType = Literal["FIXED", "USAGE", "SUBSCRIPTION", "COMPOSITE"]
UsageInvoicing = Literal["MONTHLY", "NONE"]

_Name = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00]*$")]
_Alias = Annotated[_Name, Field(min_length=1)]


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
    """Unit that amounts are counted in."""

    name: _Name


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
