"""Texts of fields: what a record's cells say, before it is read as a date, a number or a name."""

from collections.abc import Callable, Mapping

from trueup.producer.files.columns.csv_columns import KEYS
from trueup.producer.files.mapping.field_reader import Cells
from trueup.producer.files.mapping.header import Header
from trueup.producer.files.mapping.model import Constant, FieldSource, Scalar, TableMapping
from trueup.producer.files.mapping.problems import BadCell
from trueup.producer.files.mapping.template import Template, parse_template

TextOf = Callable[[Cells], str | None]  # raises BadCell


class Texts:
    """The texts of a mapping's fields in the records of one table."""

    def __init__(self, mapping: TableMapping, header: Header) -> None:
        self._mapping, self._header = mapping, header

    def columns(self, name: str) -> tuple[int, ...]:
        """The indexes of the columns that a field is made of.

        Raises:
            WrongMapping: the table has not all of them.
        """
        source = self._mapping.fields[name]
        if source.column is not None:
            return (self._header.index(source.column, name),)
        if source.template is not None:
            return tuple(self._header.index(each, name) for each in parse_template(source.template).columns)
        return ()

    def table(self, source: FieldSource) -> Mapping[str, Scalar] | None:
        """The table of a field; None where it has none."""
        return self._mapping.tables[source.table] if source.table is not None else source.values

    def templated(self, name: str, template: Template) -> TextOf:
        """The text of a template; of a key every part must have content, else one must."""
        indexes, is_key = self.columns(name), name in KEYS
        first, parts, names = template.literals[0], list(zip(indexes, template.literals[1:], strict=True)), self._header

        def text_of(cells: Cells) -> str | None:
            text, has_content = first, False
            for index, literal in parts:
                cell = cells[index]
                if cell:
                    has_content = True
                elif is_key:
                    raise BadCell("cell_missing", f"{name} is made of {names.names[index]}, which is empty")
                text += cell + literal
            return text if has_content else None

        return text_of

    def behind_table(self, name: str) -> TextOf:
        """The text of a field once its table has been looked at; None where there is no text."""
        source = self._mapping.fields[name]
        table: Mapping[str, Scalar] = self.table(source) or {}
        if source.template is not None:
            templated = self.templated(name, parse_template(source.template))

            def of_template(cells: Cells) -> str | None:
                text = templated(cells)
                return None if text is None else _text(table.get(text, text))

            return of_template
        constant = source.value if source.column is None else source.default
        index = next(iter(self.columns(name)), None)
        if index is not None and not table and constant is None:
            return lambda cells: cells[index] or None

        def of_column(cells: Cells) -> str | None:
            text = "" if index is None else cells[index]
            return _text(table.get(text, text) if text else constant)

        return of_column


def _text(told: Constant | None) -> str | None:
    return told if isinstance(told, str) and told else None
