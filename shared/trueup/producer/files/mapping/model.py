"""The model of a mapping: which fields it fills, out of what, and which rows it leaves out."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from trueup.limits import MAPPING_FIELDS_MAX, MAPPING_SKIPS_MAX, MAPPING_TABLE_ENTRIES_MAX, TEXT_CHARS_MAX
from trueup.producer.files.columns.numbers import NumberMarks, WrongMarks

LookedUp = Literal["customer", "product", "contract", "unit"]
Mark = Literal[".", ",", "'", " ", ""]

Text = Annotated[str, StringConstraints(max_length=TEXT_CHARS_MAX)]
Scalar = bool | int | Decimal | datetime | date | Text
Constant = Scalar | list[Text]

_CUSTOM_FIELD = "custom_fields."
_WAYS: Mapping[LookedUp, tuple[str, ...]] = {
    "customer": ("name", "external_id"),
    "product": ("name", "external_id"),
    "contract": ("name", "external_id", "customer"),
    "unit": ("name",),
}


def require_marks(decimal: str | None, thousands: str | None) -> None:
    """Refuse marks that contradict each other."""
    try:
        NumberMarks(decimal == ",", thousands or None)
    except WrongMarks:
        raise _wrong(f"{thousands!r} cannot stand before the decimals and between thousands") from None


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("mapping", "{message}", {"message": message})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Dates(_Strict):
    """Dates and times of all fields that say nothing else.

    Attributes:
        format: as MM/DD/YYYY or %m/%d/%Y; None: ISO 8601, as 2026-12-31.
        timezone: where a day begins, and what times without an offset mean.
    """

    format: Text | None = None
    timezone: Text = "UTC"


class Numbers(_Strict):
    """Numbers of all fields that say nothing else.

    Attributes:
        decimal: what stands before the decimals; None: nobody said, and it is a point.
        thousands: what stands between thousands; "": nothing does.
        symbols: what may stand before or after an amount, as $ or EUR.
        unit: whether money is written in the currency's major unit (301,000.00) or counts its minor one.
    """

    decimal: Literal[".", ","] | None = None
    thousands: Mark | None = None
    symbols: list[Text] = []
    unit: Literal["major", "minor"] = "minor"

    @model_validator(mode="after")
    def _has_marks(self) -> Self:
        require_marks(self.decimal, self.thousands)
        return self


class FieldSource(_Strict):
    """Source of a field: a column, a template or a value, and how that is read.

    Attributes:
        column: name of a column.
        template: text with columns in braces, as `sf-{Opportunity ID}`.
        value: the same in every row.
        default: what an empty cell stands for.
        values: what cells become, by their text.
        table: name of one of the mapping's tables, which says that.
        lookup: a record of the catalog that the text names.
        by: how it is named: name, external_id, `custom_fields.NAME`; of a contract `customer`: as that one's only one.
        format: as `Dates.format`.
        timezone: as `Dates.timezone`.
        inclusive_end: the date is the last day; the field takes the start of the next one.
        decimal: as `Numbers.decimal`.
        thousands: as `Numbers.thousands`.
        symbols: as `Numbers.symbols`.
        unit: as `Numbers.unit`.
    """

    column: Text | None = None
    template: Text | None = None
    value: Constant | None = None
    default: Scalar | None = None
    values: Annotated[dict[str, Scalar], Field(max_length=MAPPING_TABLE_ENTRIES_MAX)] | None = None
    table: Text | None = None
    lookup: LookedUp | None = None
    by: Text | None = None
    format: Text | None = None
    timezone: Text | None = None
    inclusive_end: bool = False
    decimal: Literal[".", ","] | None = None
    thousands: Mark | None = None
    symbols: list[Text] | None = None
    unit: Literal["major", "minor"] | None = None

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        given = [name for name in ("column", "template", "value") if getattr(self, name) is not None]
        if self.is_only_contract:
            if given:
                raise _wrong(f'by = "customer" takes the customer\'s only contract: leave {given[0]} out')
        elif len(given) != 1:
            both = f", not {' and '.join(given)}" if given else ""
            raise _wrong(f"needs one of column, template and value{both}")
        if self.default is not None and self.column is None:
            raise _wrong("default goes with column")
        if self.values is not None and self.table is not None:
            raise _wrong("has values and a table: keep one of them")
        self._require_way()
        require_marks(self.decimal, self.thousands)
        return self

    def _require_way(self) -> None:
        if self.lookup is None:
            if self.by is not None:
                raise _wrong("by goes with lookup")
            return
        ways = _WAYS[self.lookup]
        if self.by is None or self.by in ways:
            return
        if self.lookup != "unit" and self.by.startswith(_CUSTOM_FIELD) and self.by != _CUSTOM_FIELD:
            return
        known = ", ".join(ways) + ("" if self.lookup == "unit" else f" or {_CUSTOM_FIELD}NAME")
        raise _wrong(f"by = {self.by!r}: a {self.lookup} is looked up by {known}")

    @property
    def is_only_contract(self) -> bool:
        """Tell whether it is the only contract of the row's customer."""
        return self.lookup == "contract" and self.by == "customer"


class Skip(_Strict):
    """A condition on a column; a row that meets it is left out, and counted.

    Attributes:
        column: name of the column.
        is_: the texts that meet it.
        is_not: all texts but these meet it.
        starts_with: the beginnings that meet it.
        empty: whether an empty cell meets it, or one that is not.
    """

    column: Text
    is_: Annotated[Text | list[Text] | None, Field(alias="is")] = None
    is_not: Text | list[Text] | None = None
    starts_with: Text | list[Text] | None = None
    empty: bool | None = None

    @model_validator(mode="after")
    def _is_one_condition(self) -> Self:
        conditions = (self.is_, self.is_not, self.starts_with, self.empty)
        if sum(each is not None for each in conditions) != 1:
            raise _wrong("needs one of is, is_not, starts_with and empty")
        return self


class TableMapping(_Strict):
    """A mapping of the columns of a table to the fields of requests.

    Attributes:
        fields: what fills each field, by its dotted path or short name.
        dates: of all fields that say nothing else.
        numbers: likewise.
        tables: what texts become, by the table's name.
        skip: which rows are left out: those that meet one of these conditions.
    """

    fields: Annotated[dict[str, FieldSource], Field(min_length=1, max_length=MAPPING_FIELDS_MAX)]
    dates: Dates = Dates()
    numbers: Numbers = Numbers()
    tables: dict[str, Annotated[dict[str, Scalar], Field(max_length=MAPPING_TABLE_ENTRIES_MAX)]] = {}
    skip: Annotated[list[Skip], Field(max_length=MAPPING_SKIPS_MAX)] = []

    @model_validator(mode="after")
    def _has_its_tables(self) -> Self:
        for name, source in self.fields.items():
            if source.table is not None and source.table not in self.tables:
                raise _wrong(f"fields.{name}.table = {source.table!r}: there is no [tables.{source.table}]")
        return self

    def marks_of(self, source: FieldSource | None, told: NumberMarks) -> NumberMarks:
        """The marks in the numbers of a field, or of all others; where it says nothing, those told beside it."""
        of_field = (None, None) if source is None else (source.decimal, source.thousands)
        decimal = of_field[0] or self.numbers.decimal
        thousands = self.numbers.thousands if of_field[1] is None else of_field[1]
        if decimal is None and thousands is None:
            return told
        return NumberMarks(decimal == ",", thousands or None)

    @property
    def sha256_hex(self) -> str:
        """Digest of what it means: comments, spaces and the order of its keys do not count."""
        told = self.model_dump(exclude_defaults=True, by_alias=True)
        text = json.dumps(told, sort_keys=True, default=lambda value: {type(value).__name__: str(value)})
        return hashlib.sha256(text.encode()).hexdigest()


def source_keys() -> frozenset[str]:
    """The keys that a field's table may have."""
    return frozenset(FieldSource.model_fields)
