"""A customer's invoices as documents: pages, and PDF."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup_worker.documents.invoices import document_of_invoice
from trueup_worker.documents.page import POLICY, page_of
from trueup_worker.documents.view import Document
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.http.refusals import not_found
from trueup_worker.reporting.customer_invoices import find_customer_invoice

router = APIRouter(route_class=GuardedRoute, tags=["Invoices"])

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"description": "PDF.", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/v1/customers/{customer_id}/invoices/{invoice_id}/html", responses=_PAGE)
async def show_invoice_page(request: Request, customer_id: UUID, invoice_id: UUID) -> Response:
    """An invoice or a draft as a page: it loads nothing and runs nothing."""
    document = await _document(request, customer_id, invoice_id)
    return Response(page_of(document), media_type="text/html", headers={"content-security-policy": POLICY})


@router.get("/v1/customers/{customer_id}/invoices/{invoice_id}/pdf", responses=_PDF)
async def show_invoice_pdf(request: Request, customer_id: UUID, invoice_id: UUID) -> Response:
    """An invoice or a draft as PDF; the same invoice gives the same bytes."""
    document = await _document(request, customer_id, invoice_id)
    content = await gateway_of(request).typeset(document)
    named = f'inline; filename="{document.file_name}.pdf"'
    return Response(content, media_type="application/pdf", headers={"content-disposition": named})


async def _document(request: Request, customer_id: UUID, invoice_id: UUID) -> Document:
    account_id = caller_of(request).account_id

    def look(connection: Connection) -> Document | None:
        found = find_customer_invoice(connection, account_id, customer_id, invoice_id)
        return None if found is None else document_of_invoice(connection, account_id, found[0])

    document = await gateway_of(request).work_out(look)
    if document is None:
        raise not_found(f"customer {customer_id} has no invoice {invoice_id}")
    return document
