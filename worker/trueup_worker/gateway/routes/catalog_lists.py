"""Customers, products and contracts: listed, and found by a piece of their names, as on the command line."""

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from trueup.limits import NAME_CHARS_MAX
from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct, search_catalog
from trueup.wire.values import TEXT_PATTERN
from trueup_worker.gateway.answers.catalog_lists import (
    ContractList,
    CustomerList,
    ListedContract,
    ListedCustomer,
    ListedProduct,
    ProductList,
)
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.answer import Answer, Page
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.schema.bodies.body import PAGE, Limit
from trueup_worker.gateway.schema.openapi import answers

Piece = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=TEXT_PATTERN)]
Size = Annotated[Limit, Query()]

T = TypeVar("T")

router = APIRouter(route_class=GuardedRoute, tags=["Lists"])


@router.get("/v1/customers/list", responses=answers(CustomerList.example()))
async def list_all_customers(
    request: Request,
    *,
    search: Annotated[Piece | None, Query(description="In the name, in any case; or a whole alias.")] = None,
    limit: Size = PAGE,
    next_page: UUID | None = None,
) -> Response:
    """Customers in the order of their ids.

    A page may hold fewer than `limit`, or none, with more to come: with `search` it looks at 5,000.
    """
    return await _listed(
        request, FoundCustomer, ListedCustomer, CustomerList, piece=search, limit=limit, after=next_page
    )


@router.get("/v1/products/list", responses=answers(ProductList.example()))
async def list_all_products(
    request: Request,
    *,
    search: Annotated[
        Piece | None, Query(description="In the name, in any case; or a whole item id of NetSuite.")
    ] = None,
    limit: Size = PAGE,
    next_page: UUID | None = None,
) -> Response:
    """Products in the order of their ids.

    A page may hold fewer than `limit`, or none, with more to come: with `search` it looks at 5,000.
    """
    return await _listed(request, FoundProduct, ListedProduct, ProductList, piece=search, limit=limit, after=next_page)


@router.get("/v1/contracts/list", responses=answers(ContractList.example()))
async def list_all_contracts(
    request: Request,
    *,
    search: Annotated[
        Piece | None,
        Query(
            description="In the name or the customer's, in any case; or the beginning of the uniqueness key; or a "
            "whole opportunity or sales order."
        ),
    ] = None,
    limit: Size = PAGE,
    next_page: UUID | None = None,
) -> Response:
    """Contracts of all customers in the order of their ids.

    A page may hold fewer than `limit`, or none, with more to come: with `search` it looks at 5,000.
    """
    return await _listed(
        request, FoundContract, ListedContract, ContractList, piece=search, limit=limit, after=next_page
    )


async def _listed(
    request: Request,
    kind: type[T],
    told: type[Answer],
    page: type[Page],
    *,
    piece: str | None,
    limit: int,
    after: UUID | None,
) -> Response:
    account_id = caller_of(request).account_id

    def look(connection: Connection) -> Page:
        found = search_catalog(connection, account_id, kind, limit=limit + 1, piece=piece, after=after)
        return page.of_search(found, told.from_record, limit=limit)

    return Json(await gateway_of(request).read(look))
