"""A customer's invoices; taking them back, and making them anew."""

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection

from trueup.store.catalog.records import has_customer
from trueup.store.invoices.by_customer import InvoiceChoice, Place
from trueup.store.invoices.invoice import Status
from trueup.wire.problems import Problem
from trueup_worker.gateway.answers.examples import INVOICE, NEW
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.answers.invoices import Invoice, InvoiceAnswer, InvoicePage
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid, not_found
from trueup_worker.gateway.routes.time_cursor import cursor_of, place_at
from trueup_worker.gateway.schema.bodies.body import PAGE, Instant, Limit
from trueup_worker.gateway.schema.bodies.invoices import (
    InvoiceToMark,
    InvoiceToRegenerate,
    InvoiceToUnmark,
    InvoiceToVoid,
)
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.invoicing.mark import mark_invoice
from trueup_worker.invoicing.regenerate import AlreadyRegenerated, regenerate_invoice
from trueup_worker.invoicing.void import void_invoice
from trueup_worker.reporting.customer_invoices import find_customer_invoice, list_customer_invoices, place_of

router = APIRouter(route_class=GuardedRoute, tags=["Invoices"])

_REASON = "voided over HTTP"

Type = Literal["USAGE", "USAGE_CONSOLIDATED", "SCHEDULED"]
Size = Annotated[Limit, Query()]
Time = Annotated[Instant | None, Query()]


async def _without_effect(
    include_historical_commit_invoices: Annotated[
        str | None, Query(description="Changes nothing: none is left out.")
    ] = None,
    webhook_notification_id: Annotated[str | None, Query(description="Changes nothing.")] = None,
) -> None:
    """Parameters that the SDK has, and that are not read."""


@router.get(
    "/v1/customers/{customer_id}/invoices",
    responses=answers(InvoicePage.example()),
    dependencies=[Depends(_without_effect)],
)
async def list_invoices(
    request: Request,
    customer_id: UUID,
    *,
    contract_id: UUID | None = None,
    credit_type_id: UUID | None = None,
    status: Status | None = None,
    type: Type | None = None,  # noqa: A002 (the SDK's name)
    starting_on: Time = None,
    ending_before: Time = None,
    sort: Literal["date_asc", "date_desc"] = "date_asc",
    skip_zero_qty_line_items: bool = False,
    limit: Size = PAGE,
    next_page: str | None = None,
) -> Response:
    """A customer's invoices by date, drafts too: those of open usage as they would be closed now."""
    account_id, after = caller_of(request).account_id, place_at(next_page)
    choice = InvoiceChoice(
        customer_id=customer_id,
        contract_id=contract_id,
        unit_id=credit_type_id,
        status=status,
        type=None if type == "USAGE_CONSOLIDATED" else type,
        starting_on=starting_on,
        ending_before=ending_before,
        descending=sort == "date_desc",
        after=None if after is None else Place(*after),
    )

    def look(connection: Connection) -> InvoicePage:
        if not has_customer(connection, account_id, customer_id):
            raise invalid([Problem.of("customer_not_found", path="/customer_id")])
        if type == "USAGE_CONSOLIDATED":
            return InvoicePage(data=[], next_page=None)
        invoices, details = list_customer_invoices(connection, account_id, choice, limit=limit + 1)
        told = [Invoice.of(each, details, skip_zero_quantity=skip_zero_qty_line_items) for each in invoices[:limit]]
        more = len(invoices) > limit
        return InvoicePage(data=told, next_page=cursor_of(place_of(invoices[limit - 1])) if more else None)

    return Json(await gateway_of(request).work_out(look))


@router.get("/v1/customers/{customer_id}/invoices/{invoice_id}", responses=answers(InvoiceAnswer.example()))
async def show_invoice(
    request: Request, customer_id: UUID, invoice_id: UUID, *, skip_zero_qty_line_items: bool = False
) -> Response:
    """One of a customer's invoices or drafts."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).work_out(
        lambda connection: find_customer_invoice(connection, account_id, customer_id, invoice_id)
    )
    if found is None:
        raise not_found(f"customer {customer_id} has no invoice {invoice_id}")
    return Json(InvoiceAnswer(data=Invoice.of(*found, skip_zero_quantity=skip_zero_qty_line_items)))


@router.post("/v1/invoices/void", responses=answers(Made.example(INVOICE)))
async def void(request: Request, body: InvoiceToVoid) -> Response:
    """Take a finalized invoice back; what is void already stays void. `reason` stands in the ledger."""
    caller = caller_of(request)

    def take_back(connection: Connection) -> UUID:
        reason = body.reason or _REASON
        return void_invoice(
            connection, account_id=caller.account_id, invoice_id=body.id, reason=reason, actor=caller.key_id
        ).id

    return await _changed(request, take_back)


@router.post("/v1/invoices/regenerate", responses=answers(Made.example(NEW)))
async def regenerate(request: Request, body: InvoiceToRegenerate) -> Response:
    """Make a void invoice anew, once: the answer is the id of what replaces it, as often as it is asked for."""
    caller = caller_of(request)

    def make_anew(connection: Connection) -> UUID:
        return regenerate_invoice(connection, account_id=caller.account_id, invoice_id=body.id, actor=caller.key_id).id

    return await _changed(request, make_anew)


@router.post("/v1/invoices/mark", responses=answers(Made.example(INVOICE)))
async def mark(request: Request, body: InvoiceToMark) -> Response:
    """Say that an invoice is paid, or in other books: it is neither voided nor corrected then."""
    return await _marked(request, body, is_set=True)


@router.post("/v1/invoices/unmark", responses=answers(Made.example(INVOICE)))
async def unmark(request: Request, body: InvoiceToUnmark) -> Response:
    """Take a mark back, so that the invoice can be voided or corrected."""
    return await _marked(request, body, is_set=False, reason=body.reason)


async def _marked(request: Request, body: InvoiceToMark, *, is_set: bool, reason: str | None = None) -> Response:
    caller = caller_of(request)

    def change(connection: Connection) -> UUID:
        mark_invoice(
            connection,
            account_id=caller.account_id,
            invoice_id=body.id,
            mark=body.mark,
            is_set=is_set,
            actor=caller.key_id,
            reason=reason,
        )
        return body.id

    return await _changed(request, change)


async def _changed(request: Request, change: Callable[[Connection], UUID]) -> Response:
    """Make a change; answers with the id of the invoice that it made or took back, or with why not."""
    try:
        return await write(request, lambda connection: Made(data=Id(id=change(connection))))
    except AlreadyRegenerated as known:
        return Json(Made(data=Id(id=known.successor_id)))
