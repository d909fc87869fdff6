"""Parties of invoices, shown and changed: whom they are from, and whom they go to."""

import binascii
from base64 import b64decode
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from trueup.extras import MissingExtra
from trueup.store.catalog.parties import Party as PartyRecord
from trueup.store.catalog.parties import Seller as SellerRecord
from trueup_worker.documents.change_parties import (
    WrongParty,
    change_billing,
    change_seller,
    show_billing,
    show_seller,
)
from trueup_worker.gateway.answers.parties import Billing, BillingAnswer, Seller, SellerAnswer
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import Refusal, invalid_field, not_installed
from trueup_worker.gateway.schema.bodies.account import BillingChange, SellerChange
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Invoices"])


@router.get("/v1/seller", responses=answers(SellerAnswer.example()))
async def get_seller(request: Request) -> Response:
    """The sender of the account's invoices."""
    caller = caller_of(request)
    found = await gateway_of(request).read(lambda connection: show_seller(connection, caller))
    return Json(SellerAnswer(data=Seller.of(found or SellerRecord(name=caller.account))))


@router.patch("/v1/seller", responses=answers(SellerAnswer.example()))
async def set_seller(request: Request, body: SellerChange) -> Response:
    """Change what is given, for invoices to come: those that are finalized keep what they have."""
    caller, given = caller_of(request), _given(body)
    if "logo" in given:
        given["logo"] = _logo(given["logo"])

    def change(connection: Connection) -> SellerAnswer:
        try:
            return SellerAnswer(data=Seller.of(change_seller(connection, caller, given)))
        except WrongParty as error:
            raise _refused(error) from None

    return await write(request, change)


@router.get("/v1/customers/{customer_id}/billing", responses=answers(BillingAnswer.example()))
async def get_billing(request: Request, customer_id: UUID) -> Response:
    """The addressee of a customer's invoices."""
    caller = caller_of(request)
    found = await gateway_of(request).read(lambda connection: show_billing(connection, caller, customer_id))
    return Json(BillingAnswer(data=Billing.of(found or PartyRecord())))


@router.patch("/v1/customers/{customer_id}/billing", responses=answers(BillingAnswer.example()))
async def set_billing(request: Request, customer_id: UUID, body: BillingChange) -> Response:
    """Change what is given, for invoices to come: those that are finalized keep what they have."""
    caller, given = caller_of(request), _given(body)

    def change(connection: Connection) -> BillingAnswer:
        try:
            return BillingAnswer(data=Billing.of(change_billing(connection, caller, customer_id, given)))
        except WrongParty as error:
            raise _refused(error) from None

    return await write(request, change)


def _given(body: BillingChange) -> dict[str, Any]:
    given = body.model_dump(exclude_none=True)
    if not given:
        raise invalid_field("/name", "is required, unless another field says what changes", code="missing")
    return given


def _logo(given: str) -> bytes | None:
    """Logo as it is kept.

    Raises:
        Refusal: it is no image, or what reads images is not installed.
    """
    if not given:
        return None
    try:
        from trueup_worker.documents.logo import BadLogo, png_of  # noqa: PLC0415 - it needs the extra
    except MissingExtra as error:
        raise not_installed(str(error)) from None
    try:
        return png_of(b64decode(given.encode("ascii", "replace"), validate=True))
    except binascii.Error:
        raise invalid_field("/logo", "must be an image in base64") from None
    except BadLogo as error:
        raise invalid_field("/logo", str(error)) from None


def _refused(error: WrongParty) -> Refusal:
    return invalid_field(f"/{error.field}", error.needed)
