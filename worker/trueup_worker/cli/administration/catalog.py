"""The catalog: customers, products, contracts and units that requests refer to."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from trueup.errors import ExitCode
from trueup.store.catalog.catalog import load_catalog
from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct, search_catalog
from trueup.wire.catalog import Catalog, read_catalog
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.listing import After, AsJson, Limit, emit_search
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


_Search = Annotated[str | None, typer.Option("--search", metavar="TEXT", help="With this in the name, in any case.")]


@app.command()
def customers(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List customers in the order of their ids; --search also takes a whole alias. Needs the scope read."""
    _list(ctx, FoundCustomer, ("name", "aliases", "id"), search, after, limit=limit, as_json=as_json)


@app.command()
def products(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List products in the order of their ids. Needs the scope read."""
    _list(ctx, FoundProduct, ("name", "type", "tags", "id"), search, after, limit=limit, as_json=as_json)


@app.command()
def contracts(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List contracts in the order of their ids. Needs the scope read.

    --search also takes a piece of the customer's name, and the beginning of the uniqueness key.
    """
    columns = ("name", "customer", "starting_at", "ending_before", "uniqueness_key", "id")
    _list(ctx, FoundContract, columns, search, after, limit=limit, as_json=as_json)


def _list(
    ctx: typer.Context,
    kind: type[Any],
    columns: tuple[str, ...],
    search: str | None,
    after: UUID | None,
    *,
    limit: int | None,
    as_json: bool,
) -> None:
    with session(ctx).snapshot("read") as (connection, caller):
        fetch = partial(search_catalog, connection, caller.account_id, kind, piece=search)
        emit_search(fetch, columns, after, limit=limit, as_json=as_json)


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
