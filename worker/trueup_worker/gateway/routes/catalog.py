"""Routes of the catalog: customers, products and contracts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.ids import new_id
from trueup.store.catalog import records
from trueup.store.postgres.already_used import AlreadyUsed
from trueup.wire.problems import Problem
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.answers.catalog import (
    Contract,
    ContractAnswer,
    ContractPage,
    Customer,
    CustomerAnswer,
    CustomerPage,
    Product,
    ProductAnswer,
    ProductPage,
)
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.error import Existing
from trueup_worker.gateway.http.refusals import already_used, invalid, invalid_field, not_found
from trueup_worker.gateway.schema.bodies.body import PAGE
from trueup_worker.gateway.schema.bodies.catalog import (
    ContractChoice,
    ContractFilter,
    CustomerQuery,
    NewContract,
    NewCustomer,
    NewProduct,
    PageQuery,
    ProductChoice,
    ProductFilter,
)
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Catalog"])

_ONCE = {"x-refusals": ["409"]}
_UNKNOWN_CUSTOMER = Problem.of("customer_not_found", path="/customer_id")


@router.post("/v1/customers", responses=answers(CustomerAnswer.example_of_added()), openapi_extra=_ONCE)
async def create_customer(request: Request, body: NewCustomer) -> Response:
    """Add a customer."""
    account_id, customer_id, fields = caller_of(request).account_id, new_id(), body.custom_fields or {}
    aliases = body.aliases

    def add(connection: Connection) -> CustomerAnswer:
        records.add_customer(
            connection,
            account_id,
            customer_id=customer_id,
            name=body.name,
            custom_fields=fields,
            ingest_aliases=aliases,
        )
        made = Customer.added(customer_id, name=body.name, custom_fields=fields, ingest_aliases=aliases)
        return CustomerAnswer(data=made)

    try:
        return await write(request, add)
    except AlreadyUsed as error:
        raise already_used("ingest_aliases", Existing(id=error.holder, type="CUSTOMER")) from None


@router.get("/v1/customers", responses=answers(CustomerPage.example()))
async def list_customers(request: Request, query: Annotated[CustomerQuery, Query()]) -> Response:
    """Customers, in the order of their ids; `customer_ids`, separated by commas: these only."""
    account_id, ids = caller_of(request).account_id, _ids(query.customer_ids)
    if query.only_archived or query.salesforce_account_ids:
        return Json(CustomerPage(data=[], next_page=None))
    found = await gateway_of(request).read(
        lambda connection: records.list_customers(
            connection,
            account_id,
            limit=query.limit + 1,
            after=query.next_page,
            ids=ids,
            alias=query.ingest_alias,
        )
    )
    return Json(CustomerPage.of(map(Customer.of, found), limit=query.limit))


@router.get("/v1/customers/{customer_id}", responses=answers(CustomerAnswer.example()))
async def show_customer(request: Request, customer_id: UUID) -> Response:
    """A customer by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(
        lambda connection: records.find_customer(connection, account_id, customer_id)
    )
    if found is None:
        raise not_found(f"there is no customer {customer_id}")
    return Json(CustomerAnswer(data=Customer.of(found)))


@router.post("/v1/contract-pricing/products/create", responses=answers(Made.example(examples.PRODUCT)))
async def create_product(request: Request, body: NewProduct) -> Response:
    """Add a product."""
    account_id, product_id = caller_of(request).account_id, new_id()

    def add(connection: Connection) -> Made:
        records.add_product(
            connection,
            account_id,
            product_id=product_id,
            name=body.name,
            product_type=body.type,
            tags=body.tags or (),
            kept=body.kept,
        )
        return Made(data=Id(id=product_id))

    return await write(request, add)


@router.post("/v1/contract-pricing/products/get", responses=answers(ProductAnswer.example()))
async def show_product(request: Request, body: ProductChoice) -> Response:
    """A product by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: records.find_product(connection, account_id, body.id))
    if found is None:
        raise not_found(f"there is no product {body.id}")
    return Json(ProductAnswer(data=Product.of(found)))


@router.post("/v1/contract-pricing/products/list", responses=answers(ProductPage.example()))
async def list_products(
    request: Request, query: Annotated[PageQuery, Query()], body: ProductFilter | None = None
) -> Response:
    """Products, in the order of their ids."""
    account_id = caller_of(request).account_id
    if body is not None and body.archive_filter == "ARCHIVED":
        return Json(ProductPage(data=[], next_page=None))
    found = await gateway_of(request).read(
        lambda connection: records.list_products(connection, account_id, limit=query.limit + 1, after=query.next_page)
    )
    return Json(ProductPage.of(map(Product.of, found), limit=query.limit))


@router.post("/v1/contracts/create", responses=answers(Made.example(examples.CONTRACT)), openapi_extra=_ONCE)
async def create_contract(request: Request, body: NewContract) -> Response:
    """Add a contract; commits and credits are created on their own."""
    account_id, contract_id = caller_of(request).account_id, new_id()
    if body.ending_before is not None and body.ending_before <= body.starting_at:
        raise invalid([Problem.of("window_inverted", path="/ending_before")])

    def add(connection: Connection) -> Made:
        added = records.add_contract(
            connection,
            account_id,
            contract_id=contract_id,
            customer_id=body.customer_id,
            starting_at=body.starting_at,
            ending_before=body.ending_before,
            net_payment_terms_days=body.net_payment_terms_days,
            uniqueness_key=body.uniqueness_key,
            kept=body.kept,
        )
        if not added:
            raise invalid([_UNKNOWN_CUSTOMER])
        return Made(data=Id(id=contract_id))

    try:
        return await write(request, add)
    except AlreadyUsed as error:
        raise already_used("uniqueness_key", Existing(id=error.holder, type="CONTRACT")) from None


@router.post("/v1/contracts/get", responses=answers(ContractAnswer.example()))
async def show_contract(request: Request, body: ContractChoice) -> Response:
    """A customer's contract by its id."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(
        lambda connection: records.find_contract(connection, account_id, body.contract_id, customer_id=body.customer_id)
    )
    if found is None:
        raise not_found(f"there is no contract {body.contract_id} of customer {body.customer_id}")
    return Json(ContractAnswer(data=Contract.of(found)))


@router.post("/v1/contracts/list", responses=answers(ContractPage.example()))
async def list_contracts(request: Request, body: ContractFilter) -> Response:
    """A customer's contracts, in the order of their ids."""
    account_id, limit = caller_of(request).account_id, body.limit or PAGE
    if body.covering_date and body.starting_at:
        raise invalid_field("/starting_at", "must not stand beside covering_date")

    found = await gateway_of(request).read(
        lambda connection: (
            records.list_contracts(
                connection,
                account_id,
                customer_id=body.customer_id,
                limit=limit + 1,
                after=body.cursor,
                covering_date=body.covering_date,
                starting_at=body.starting_at,
            )
            if records.has_customer(connection, account_id, body.customer_id)
            else None
        )
    )
    if found is None:
        raise invalid([_UNKNOWN_CUSTOMER])
    return Json(ContractPage.of(found, limit=limit))


def _ids(listed: str | None) -> list[UUID]:
    try:
        return [UUID(each) for each in listed.split(",")] if listed else []
    except ValueError:
        raise invalid([Problem.of("not_a_uuid", path="/customer_ids")]) from None
