"""A customer's invoices as documents: pages, and PDF."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup_worker.documents.invoices import document_of_invoice
from trueup_worker.documents.page import POLICY, page_of
from trueup_worker.documents.view import Document
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.left_out import left_out_described, left_out_headers
from trueup_worker.gateway.http.refusals import not_found
from trueup_worker.reporting.customer_invoices import find_customer_invoice

T = TypeVar("T")

router = APIRouter(route_class=GuardedRoute, tags=["Invoices"])

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "PDF.",
        "headers": left_out_described("Characters that no font of the gateway has, as a JSON string; else absent."),
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/v1/customers/{customer_id}/invoices/{invoice_id}/html", responses=_PAGE)
async def show_invoice_page(request: Request, customer_id: UUID, invoice_id: UUID) -> Response:
    """An invoice or a draft as a page: it loads nothing and runs nothing."""
    page = await _made(request, customer_id, invoice_id, page_of)
    return Response(page, media_type="text/html", headers={"content-security-policy": POLICY})


@router.get("/v1/customers/{customer_id}/invoices/{invoice_id}/pdf", responses=_PDF)
async def show_invoice_pdf(request: Request, customer_id: UUID, invoice_id: UUID) -> Response:
    """An invoice or a draft as PDF; the same invoice gives the same bytes."""
    document = await _made(request, customer_id, invoice_id, lambda document: document)
    content, lacking = await gateway_of(request).typeset(document)
    named = {"content-disposition": f'inline; filename="{document.file_name}.pdf"'}
    return Response(content, media_type="application/pdf", headers=named | left_out_headers(lacking))


async def _made(request: Request, customer_id: UUID, invoice_id: UUID, make: Callable[[Document], T]) -> T:
    """Make something of a document, beside the loop that answers: an invoice may be long."""
    account_id = caller_of(request).account_id

    def look(connection: Connection) -> T | None:
        found = find_customer_invoice(connection, account_id, customer_id, invoice_id)
        return None if found is None else make(document_of_invoice(connection, account_id, found[0]))

    made = await gateway_of(request).work_out(look)
    if made is None:
        raise not_found(f"customer {customer_id} has no invoice {invoice_id}")
    return made
