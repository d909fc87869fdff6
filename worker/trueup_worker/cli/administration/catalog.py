"""The catalog as a file: customers, products, contracts and units that requests refer to."""

from pathlib import Path
from typing import Annotated

import typer

from trueup.errors import ExitCode
from trueup.store.catalog.catalog import load_catalog
from trueup.wire.catalog import Catalog, read_catalog
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import AsJson
from trueup_worker.cli.terminal.output import emit_json, emit_record

app = typer.Typer(no_args_is_help=True)


@app.callback()
def catalog() -> None:
    """Customers, products, contracts and units."""


@app.command()
def load(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help='JSON: {"customers", "products", "contracts", "units"}.')
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Load a catalog file: all of it or, if anything is wrong, nothing. The same file again changes nothing.

    Needs the scope operate. A product's type and a contract's customer never change.
    """
    entries = read_catalog_file(file)
    with session(ctx).transaction("operate") as (connection, caller):
        loaded = load_catalog(connection, caller.account_id, entries)
    emit_json(loaded) if as_json else emit_record(loaded, title="loaded")


def read_catalog_file(file: Path) -> Catalog:
    """Read a catalog.

    Raises:
        CommandError: the file cannot be read.
        InvalidCatalog: it is no catalog; every problem is named.
    """
    try:
        return read_catalog(file.read_bytes())
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", ExitCode.UNREADABLE) from None
