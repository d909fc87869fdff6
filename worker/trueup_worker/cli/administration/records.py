"""Customers, products and contracts: listed, and found by a piece of their names."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct, search_catalog
from trueup_worker.cli.administration.parties import billing
from trueup_worker.cli.terminal.context import session
from trueup_worker.cli.terminal.listing import After, AsJson, Limit, emit_search

app = typer.Typer()
_customers, _products, _contracts = (typer.Typer(no_args_is_help=True) for _ in range(3))
app.add_typer(_customers, name="customers")
app.add_typer(_products, name="products")
app.add_typer(_contracts, name="contracts")

_Search = Annotated[str | None, typer.Option("--search", metavar="TEXT", help="With this in the name, in any case.")]


@_customers.callback()
def customers() -> None:
    """Customers: list, find, billing."""


_customers.command()(billing)


@_products.callback()
def products() -> None:
    """Products: list, find."""


@_contracts.callback()
def contracts() -> None:
    """Contracts: list, find."""


@_customers.command("list")
def list_customers(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List customers in the order of their ids; --search also takes a whole alias. Needs the scope read."""
    _list(ctx, FoundCustomer, ("name", "aliases", "id"), search, after, limit=limit, as_json=as_json)


@_products.command("list")
def list_products(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List products in the order of their ids; --search also takes a NetSuite item id. Needs the scope read."""
    _list(ctx, FoundProduct, ("name", "type", "tags", "id"), search, after, limit=limit, as_json=as_json)


@_contracts.command("list")
def list_contracts(
    ctx: typer.Context, *, search: _Search = None, after: After = None, limit: Limit = None, as_json: AsJson = False
) -> None:
    """List contracts in the order of their ids. Needs the scope read.

    --search also takes a piece of the customer's name, the beginning of the uniqueness key, and a whole opportunity or
    sales order.
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
