"""Templates: text with columns in braces, as `sf-{Opportunity ID}`."""

import re
from dataclasses import dataclass

from trueup.producer.files.columns.column_name import column_name
from trueup.producer.files.mapping.model import FieldSource
from trueup.producer.files.mapping.problems import WrongMapping

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclass(frozen=True, slots=True)
class Template:
    """A template taken apart.

    Attributes:
        literals: the texts before, between and after the columns: one more than there are columns.
        columns: their names, in order.
    """

    literals: tuple[str, ...]
    columns: tuple[str, ...]


def columns_of_source(source: FieldSource) -> tuple[str, ...]:
    """The names of the columns that a field is made of."""
    if source.template is not None:
        return parse_template(source.template).columns
    return () if source.column is None else (column_name(source.column),)


def parse_template(text: str) -> Template:
    """Take a template apart; `{{` and `}}` stand for braces.

    Raises:
        WrongMapping: a brace stands alone, or nothing stands between two.
    """
    literals, columns = [""], []
    for part in _PART.finditer(text):
        if part[0] in ("{{", "}}"):
            literals[-1] += part[0][0]
        elif part[1] is not None and part[1].strip():
            columns.append(column_name(part[1]))
            literals.append("")
        elif part[0][0] in "{}":
            raise WrongMapping(f"template {text!r}: write columns as {{Name}}, and a brace that is meant twice")
        else:
            literals[-1] += part[0]
    if not columns:
        raise WrongMapping(f"template {text!r} has no column: write a constant as {{ value = … }}")
    return Template(tuple(literals), tuple(columns))
