"""What requests refer to: customers, products and contracts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from shared.ids import new_id
from shared.store import parties
from shared.wire.problems import Problem
from worker.gateway.answers import Json
from worker.gateway.bodies import (
    PAGE,
    ContractChoice,
    ContractFilter,
    Limit,
    NewContract,
    NewCustomer,
    NewProduct,
    ProductChoice,
    ProductFilter,
)
from worker.gateway.models import Made
from worker.gateway.objects import (
    ContractAnswer,
    ContractPage,
    CustomerAnswer,
    CustomerPage,
    ProductAnswer,
    ProductPage,
)
from worker.gateway.refusals import invalid, invalid_field, not_found
from worker.gateway.route import GuardedRoute, caller_of, gateway_of
from worker.gateway.shapes import contract_object, customer_detail, customer_object, page, product_object

router = APIRouter(route_class=GuardedRoute, tags=["Catalog"])

NextPage = UUID | None
Size = Annotated[Limit, Query()]
_UNKNOWN_CUSTOMER = Problem.of("customer_not_found", path="/customer_id")


@router.post("/v1/customers", response_model=CustomerAnswer)
async def create_customer(request: Request, body: NewCustomer) -> Response:
    """Add a customer."""
    account_id, customer_id, fields = caller_of(request).account_id, new_id(), body.custom_fields or {}
    await gateway_of(request).write(
        lambda connection: parties.add_customer(
            connection, account_id, customer_id=customer_id, name=body.name, custom_fields=fields
        )
    )
    return Json({"data": customer_object({"id": customer_id, "name": body.name, "custom_fields": fields})})


@router.get("/v1/customers", response_model=CustomerPage)
async def list_customers(
    request: Request, limit: Size = PAGE, next_page: NextPage = None, customer_ids: str | None = None
) -> Response:
    """Customers, in the order of their ids; `customer_ids`, separated by commas: these only."""
    account_id, ids = caller_of(request).account_id, _ids(customer_ids)
    found = await gateway_of(request).read(
        lambda connection: parties.list_customers(connection, account_id, limit=limit + 1, after=next_page, ids=ids)
    )
    return Json(page(map(customer_detail, found), limit=limit))


@router.get("/v1/customers/{customer_id}", response_model=CustomerAnswer)
async def show_customer(request: Request, customer_id: UUID) -> Response:
    """A customer by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(
        lambda connection: parties.find_customer(connection, account_id, customer_id)
    )
    if found is None:
        raise not_found(f"there is no customer {customer_id}")
    return Json({"data": customer_detail(found)})


@router.post("/v1/contract-pricing/products/create", response_model=Made)
async def create_product(request: Request, body: NewProduct) -> Response:
    """Add a product."""
    account_id, product_id = caller_of(request).account_id, new_id()
    await gateway_of(request).write(
        lambda connection: parties.add_product(
            connection, account_id, product_id=product_id, name=body.name, product_type=body.type, tags=body.tags or ()
        )
    )
    return Json({"data": {"id": product_id}})


@router.post("/v1/contract-pricing/products/get", response_model=ProductAnswer)
async def show_product(request: Request, body: ProductChoice) -> Response:
    """A product by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: parties.find_product(connection, account_id, body.id))
    if found is None:
        raise not_found(f"there is no product {body.id}")
    return Json({"data": product_object(found)})


@router.post("/v1/contract-pricing/products/list", response_model=ProductPage)
async def list_products(
    request: Request, body: ProductFilter | None = None, limit: Size = PAGE, next_page: NextPage = None
) -> Response:
    """Products, in the order of their ids."""
    account_id = caller_of(request).account_id
    if body is not None and body.archive_filter == "ARCHIVED":
        return Json(page((), limit=limit))
    found = await gateway_of(request).read(
        lambda connection: parties.list_products(connection, account_id, limit=limit + 1, after=next_page)
    )
    return Json(page(map(product_object, found), limit=limit))


@router.post("/v1/contracts/create", response_model=Made)
async def create_contract(request: Request, body: NewContract) -> Response:
    """Add a contract; commits and credits are created on their own."""
    account_id, contract_id = caller_of(request).account_id, new_id()
    if body.ending_before is not None and body.ending_before <= body.starting_at:
        raise invalid([Problem.of("window_inverted", path="/ending_before")])
    added = await gateway_of(request).write(
        lambda connection: parties.add_contract(
            connection,
            account_id,
            contract_id=contract_id,
            customer_id=body.customer_id,
            starting_at=body.starting_at,
            ending_before=body.ending_before,
            net_payment_terms_days=body.net_payment_terms_days,
        )
    )
    if not added:
        raise invalid([_UNKNOWN_CUSTOMER])
    return Json({"data": {"id": contract_id}})


@router.post("/v1/contracts/get", response_model=ContractAnswer)
async def show_contract(request: Request, body: ContractChoice) -> Response:
    """A customer's contract by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(
        lambda connection: parties.find_contract(connection, account_id, body.contract_id, customer_id=body.customer_id)
    )
    if found is None:
        raise not_found(f"there is no contract {body.contract_id} of customer {body.customer_id}")
    return Json({"data": contract_object(found)})


@router.post("/v1/contracts/list", response_model=ContractPage)
async def list_contracts(request: Request, body: ContractFilter) -> Response:
    """A customer's contracts, in the order of their ids."""
    account_id, limit = caller_of(request).account_id, body.limit or PAGE
    if body.covering_date and body.starting_at:
        raise invalid_field("/starting_at", "must not stand beside covering_date")

    found = await gateway_of(request).read(
        lambda connection: (
            parties.list_contracts(
                connection,
                account_id,
                customer_id=body.customer_id,
                limit=limit + 1,
                after=body.cursor,
                covering_date=body.covering_date,
                starting_at=body.starting_at,
            )
            if parties.has_customer(connection, account_id, body.customer_id)
            else None
        )
    )
    if found is None:
        raise invalid([_UNKNOWN_CUSTOMER])
    listed = page(map(contract_object, found), limit=limit)
    return Json({"data": listed["data"], "cursor": listed["next_page"]})


def _ids(listed: str | None) -> list[UUID]:
    try:
        return [UUID(each) for each in listed.split(",")] if listed else []
    except ValueError:
        raise invalid([Problem.of("not_a_uuid", path="/customer_ids")]) from None
