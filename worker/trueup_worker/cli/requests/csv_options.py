"""Options of commands that read tables."""

from pathlib import Path
from typing import Annotated

import typer

from trueup.producer.files.columns.numbers import NumberMarks
from trueup.producer.files.key_suffix import require_suffix
from trueup.producer.files.mapping.read import read_mapping
from trueup.producer.files.opening.text_encoding import require_encoding
from trueup.producer.files.reading import Reading

DecimalComma = Annotated[
    bool | None,
    typer.Option("--decimal-comma/--decimal-point", help="What stands before the decimals of a CSV file's numbers."),
]
Thousands = Annotated[str | None, typer.Option(metavar="MARK", help="What stands between thousands: . , ' or a space.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="TOML", help="How a table's columns fill the fields of requests.")
]
KeySuffix = Annotated[
    str | None,
    typer.Option(
        "--key-suffix",
        metavar="TEXT",
        help="Ends every uniqueness key and idempotency key of the file: new keys, for a file that was taken back.",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Of a text that is not UTF-8: cp1252 (Excel on Windows), mac_roman, utf-16, shift_jis, …"
    ),
]
SheetName = Annotated[
    str | None, typer.Option("--sheet", metavar="NAME", help="Of a workbook (.xlsx): what is read (else: the first).")
]


def reading_of(
    *,
    decimal_comma: bool | None = None,
    thousands: str | None = None,
    mapping: Path | None = None,
    key_suffix: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Reading:
    """Reading that these options tell.

    Raises:
        WrongMarks, WrongMapping, WrongSuffix, WrongEncoding: they cannot be used.
    """
    return Reading(
        NumberMarks(decimal_comma, thousands),
        None if mapping is None else read_mapping(mapping),
        None if key_suffix is None else require_suffix(key_suffix),
        None if encoding is None else require_encoding(encoding),
        sheet,
    )
