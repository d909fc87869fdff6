"""Options of commands that read CSV files."""

from typing import Annotated

import typer

DecimalComma = Annotated[
    bool | None,
    typer.Option("--decimal-comma/--decimal-point", help="What stands before the decimals of a CSV file's numbers."),
]
Thousands = Annotated[str | None, typer.Option(metavar="MARK", help="What stands between thousands: . , ' or a space.")]
