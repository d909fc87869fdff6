"""Fields that name records of the catalog."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import get_origin

from trueup.producer.files.columns.csv_columns import Column
from trueup.producer.files.mapping.field_reader import Cells, Encode, FieldReader
from trueup.producer.files.mapping.lookup import Found, Lookups, Unfound, Wanted
from trueup.producer.files.mapping.model import FieldSource, TableMapping
from trueup.producer.files.mapping.problems import BadCell, WrongMapping
from trueup.producer.files.mapping.texts import TextOf, Texts
from trueup.producer.files.shown import shown

WantedOf = Callable[[Cells], Sequence[Wanted]]

_CUSTOMER = "customer_id"
_UUID = re.compile("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WAYS = {"external_id": "external id"}


class NamedFields:
    """The fields of a mapping that name records.

    Args:
        mapping: the model.
        texts: what they say.
        lookups: what the catalog said.
    """

    def __init__(self, mapping: TableMapping, texts: Texts, lookups: Lookups) -> None:
        self._fields, self._texts, self._lookups = mapping.fields, texts, lookups
        self._ids = frozenset(_ids_in(mapping))

    def encode(self, told: str, source: FieldSource, column: Column) -> Encode:
        """Encoder of a text that names a record, or of several with semicolons between them."""
        entry = self.entry(told, source)
        if get_origin(column.leaf) is list:
            return lambda text: f"[{','.join(map(entry, _entries(text)))}]"
        return entry

    def entry(self, told: str, source: FieldSource) -> Encode:
        """Encoder of a text that names one record."""
        return lambda text: f'"{self._found(told, self._wanted_by(source, text)).id}"'

    def wanted(self, name: str, column: Column) -> WantedOf:
        """Function that tells which records a field of a record names."""
        source, text_of = self._fields[name], self._texts.behind_table(name)
        entries = _entries if get_origin(column.leaf) is list else _only

        def wanted(cells: Cells) -> Sequence[Wanted]:
            text = text_of(cells)
            named = [self._wanted_by(source, each) for each in entries(text)] if text else []
            return [each for each in named if each.by != "id" or each.kind == "unit"]

        return wanted

    def contract(self, name: str, column: Column) -> FieldReader:
        """Reader of a contract: of the row's customer, as others' may be called the same.

        Raises:
            WrongMapping: no field says who the customer is.
        """
        source, customer = self._fields[name], self._fields.get(_CUSTOMER)
        if customer is None:
            raise WrongMapping(f"fields.{name}: a contract is one of the row's customer: map {_CUSTOMER}")
        told = source.column or name
        customer_of = self._texts.behind_table(_CUSTOMER)
        text_of: TextOf = (lambda _: "") if source.is_only_contract else self._texts.behind_table(name)

        def wanted_in(cells: Cells) -> Wanted | None:
            text, whose = text_of(cells), customer_of(cells)
            if text is None or whose is None:
                return None
            owner = self._wanted_by(customer, whose) if customer.lookup else Wanted("customer", "id", whose)
            return Wanted("contract", source.by or "name", text, owner)

        def read(cells: Cells) -> str | None:
            wanted = wanted_in(cells)
            if wanted is None or not self._has_owner(wanted):
                return None
            return f'"{self._found(told, wanted).id}"'

        def wanted(cells: Cells) -> Sequence[Wanted]:
            each = wanted_in(cells)
            return () if each is None else (each,)

        columns = (*self._texts.columns(name), *self._texts.columns(_CUSTOMER))
        return FieldReader(name, column, columns, read=read, wanted=wanted)

    def unit(self, name: str) -> Callable[[Cells], Found | None]:
        """Function that finds the unit that a field of a record names, by its id if it is not looked up."""
        source, text_of = self._fields[name], self._texts.behind_table(name)

        def unit_of(cells: Cells) -> Found | None:
            text = text_of(cells)
            return None if text is None else self._found(source.column or name, self._unit(source, text))

        return unit_of

    def unit_by_id(self, name: str) -> WantedOf:
        """Function that tells the id of a unit, whose name is needed where money is moved by its decimals."""
        source, text_of = self._fields[name], self._texts.behind_table(name)

        def wanted(cells: Cells) -> Sequence[Wanted]:
            text = text_of(cells)
            return () if text is None else (self._unit(source, text),)

        return wanted

    def _unit(self, source: FieldSource, text: str) -> Wanted:
        """The unit that a text names, or has the id of: of that, too, the name is needed."""
        return Wanted("unit", "id", text) if source.lookup is None else self._wanted_by(source, text)

    def _wanted_by(self, source: FieldSource, text: str) -> Wanted:
        assert source.lookup is not None, "only what is looked up is wanted"
        return Wanted(source.lookup, "id" if text in self._ids else source.by or "name", text)

    def _has_owner(self, wanted: Wanted) -> bool:
        """Tell whether the customer of a contract is known: one that is not refuses its row alone."""
        owner = wanted.customer
        return owner is None or owner.by == "id" or isinstance(self._lookups.get(owner), Found)

    def _found(self, told: str, wanted: Wanted) -> Found:
        """The record that is wanted.

        Raises:
            BadCell: there is none, or there are several.
        """
        if wanted.by == "id" and wanted.kind != "unit":
            return Found(wanted.text.lower(), wanted.text)
        found = self._lookups.get(wanted)
        if isinstance(found, Found):
            return found
        what = told if wanted.by == "customer" else f"{told}: {shown(wanted.text)}"
        if found is None or not found.candidates:
            raise BadCell("lookup_not_found", f"{what} {_no_record(wanted)}{found.near if found else ''}")
        raise BadCell("lookup_ambiguous", f"{what} {_several(wanted, found)}")


def _ids_in(mapping: TableMapping) -> Iterator[str]:
    """Ids that a mapping itself says for names: these are not looked up."""
    tables = [*mapping.tables.values(), *(source.values for source in mapping.fields.values() if source.values)]
    constants = [each for source in mapping.fields.values() for each in (source.value, source.default)]
    for told in (*chain(*(table.values() for table in tables)), *constants):
        if isinstance(told, str) and _UUID.fullmatch(told):
            yield told


def _no_record(wanted: Wanted) -> str:
    if wanted.by == "customer":
        return "is not told by the row's customer, who has no contract"
    whose = " of the row's customer" if wanted.customer else ""
    return f"is the {_WAYS.get(wanted.by, wanted.by)} of no {wanted.kind}{whose}"


def _several(wanted: Wanted, found: Unfound) -> str:
    listed = ", ".join(f"{each.id} {each.name}".rstrip() for each in found.candidates)
    if wanted.by == "customer":
        return f"is not told by the row's customer, who has several contracts: {listed}"
    return f"is the {_WAYS.get(wanted.by, wanted.by)} of several {wanted.kind}s: {listed}"


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def _only(text: str) -> list[str]:
    return [text]
