"""Options of commands that read tables."""

from pathlib import Path
from typing import Annotated

import typer

from trueup.producer.files.mapping.read import read_mapping
from trueup.producer.files.numbers import NumberMarks
from trueup.producer.files.reading import Reading

DecimalComma = Annotated[
    bool | None,
    typer.Option("--decimal-comma/--decimal-point", help="What stands before the decimals of a CSV file's numbers."),
]
Thousands = Annotated[str | None, typer.Option(metavar="MARK", help="What stands between thousands: . , ' or a space.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="TOML", help="How a table's columns fill the fields of requests.")
]


def reading_of(*, decimal_comma: bool | None, thousands: str | None, mapping: Path | None) -> Reading:
    """Reading that these options tell.

    Raises:
        WrongMarks, WrongMapping: they cannot be used.
    """
    return Reading(NumberMarks(decimal_comma, thousands), None if mapping is None else read_mapping(mapping))
