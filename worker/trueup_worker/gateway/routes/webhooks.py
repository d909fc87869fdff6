"""Routes of webhooks: endpoints that events are sent to, what was sent to each, and how often it was tried."""

import re
from typing import Annotated, NoReturn
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from trueup.limits import WEBHOOK_OVERLAP_H
from trueup.store.webhooks import deliveries
from trueup.store.webhooks.deliveries import State
from trueup.store.webhooks.endpoints import find_endpoint, list_endpoints
from trueup_worker.gateway.answers.ids import Made
from trueup_worker.gateway.answers.webhooks import (
    Delivery,
    DeliveryAnswer,
    DeliveryPage,
    NewSecret,
    Resent,
    ResentAnswer,
    SecretAnswer,
    SentAnswer,
    Webhook,
    WebhookAnswer,
    WebhookList,
)
from trueup_worker.gateway.calls.guarded_route import GuardedRoute, caller_of, gateway_of
from trueup_worker.gateway.calls.repeatable_change import write
from trueup_worker.gateway.http.answer import Id
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import invalid_field
from trueup_worker.gateway.schema.bodies.body import NO_CURSOR, PAGE, Limit
from trueup_worker.gateway.schema.bodies.webhooks import NewWebhook, Resend, Rotation, WebhookChange
from trueup_worker.gateway.schema.openapi import answers
from trueup_worker.webhooks.administer import (
    add_endpoint,
    alter_endpoint,
    remove_endpoint,
    renew_secret,
    send_trial,
    try_again,
)
from trueup_worker.webhooks.configured import policy_of
from trueup_worker.webhooks.signature import new_secret
from trueup_worker.webhooks.url import WrongUrl, target_of

router = APIRouter(route_class=GuardedRoute, tags=["Webhooks"])

Size = Annotated[Limit, Query()]

_PLACE = re.compile(r"([0-9]{1,18})\.([0-9a-f-]{36})")


# What tells a secret is not done by `write`, which would keep the answer, and the secret in it.
@router.post("/v1/webhooks", responses=answers(WebhookAnswer.example(secret=True)))
async def create_webhook(request: Request, body: NewWebhook) -> Response:
    """Send what happens from now on to a URL; the secret that signs it is in this answer, and in no other."""
    gateway, caller, secret = gateway_of(request), caller_of(request), new_secret()
    _require_allowed(request, body.url)

    def add(connection: Connection) -> WebhookAnswer:
        made = add_endpoint(
            connection,
            caller,
            url=body.url,
            types=set(body.types or ()),
            secret=secret,
            secret_key=gateway.settings.secret_key.get_secret_value(),
            description=body.description or None,
        )
        return WebhookAnswer(data=Webhook.of(made, secret=secret))

    return Json(await gateway.write(add))


@router.get("/v1/webhooks", responses=answers(WebhookList.example()))
async def list_webhooks(request: Request) -> Response:
    """Every webhook of the account, oldest first."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: list_endpoints(connection, account_id))
    return Json(WebhookList(data=[Webhook.of(each) for each in found]))


@router.get("/v1/webhooks/{webhook_id}", responses=answers(WebhookAnswer.example()))
async def show_webhook(request: Request, webhook_id: UUID) -> Response:
    """A webhook by its id, and how it does."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(lambda connection: find_endpoint(connection, account_id, webhook_id))
    return Json(WebhookAnswer(data=Webhook.of(found)))


@router.patch("/v1/webhooks/{webhook_id}", responses=answers(WebhookAnswer.example()))
async def change_webhook(request: Request, webhook_id: UUID, body: WebhookChange) -> Response:
    """Change what is given; what was switched off and is enabled goes on where it was, as far as events are kept."""
    caller, given = caller_of(request), body.model_dump(exclude_none=True)
    if not given:
        raise invalid_field(
            "/enabled", "is required, unless url, types or description says what changes", code="missing"
        )
    if body.url is not None:
        _require_allowed(request, body.url)

    def change(connection: Connection) -> WebhookAnswer:
        return WebhookAnswer(data=Webhook.of(alter_endpoint(connection, caller, webhook_id, **given)))

    return await write(request, change)


@router.delete("/v1/webhooks/{webhook_id}", responses=answers(Made.example()))
async def delete_webhook(request: Request, webhook_id: UUID) -> Response:
    """Deliver nothing more to it, and forget what was."""
    caller = caller_of(request)

    def delete(connection: Connection) -> Made:
        remove_endpoint(connection, caller, webhook_id)
        return Made(data=Id(id=webhook_id))

    return await write(request, delete)


@router.post("/v1/webhooks/{webhook_id}/rotate", responses=answers(SecretAnswer.example()))
async def rotate_webhook(request: Request, webhook_id: UUID, body: Rotation | None = None) -> Response:
    """Sign with a new secret, which is in this answer, and in no other; the one before signs as well for a while.

    A call that is repeated makes another secret; those before sign until their own hours are over, at most four of
    them. With `overlap_h` 0 nothing signs but the new one.
    """
    gateway, caller, secret = gateway_of(request), caller_of(request), new_secret()

    def rotate(connection: Connection) -> SecretAnswer:
        until = renew_secret(
            connection,
            caller,
            webhook_id,
            secret=secret,
            secret_key=gateway.settings.secret_key.get_secret_value(),
            overlap_h=WEBHOOK_OVERLAP_H if body is None else body.overlap_h,
        )
        return SecretAnswer(data=NewSecret.of(secret, previous_until=until))

    return Json(await gateway.write(rotate))


@router.post("/v1/webhooks/{webhook_id}/test", responses=answers(SentAnswer.example()))
async def test_webhook(request: Request, webhook_id: UUID) -> Response:
    """Send a delivery of the type `webhook.test`; by its id its delivery tells what came of it."""
    caller = caller_of(request)

    def send(connection: Connection) -> SentAnswer:
        return SentAnswer(data=Id(id=send_trial(connection, caller, webhook_id)))

    return await write(request, send)


@router.post("/v1/webhooks/{webhook_id}/resend", responses=answers(ResentAnswer.example()))
async def resend_webhook(request: Request, webhook_id: UUID, body: Resend) -> Response:
    """Try deliveries again at once, with the bytes that they had: one, all of what happened since, or all that failed.

    At most 10,000 or little more by one call, in the feed's order; where it answers `reached`, others may follow, which
    the same call with that as `after` sends. Those that are being tried at this moment are left alone.
    """
    caller = caller_of(request)
    if sum((body.delivery_id is not None, body.since is not None, body.failed)) != 1:
        raise invalid_field("/delivery_id", "is required, or since, or failed: one of them", code="missing")

    def send(connection: Connection) -> ResentAnswer:
        resent = try_again(
            connection,
            caller,
            webhook_id,
            delivery_id=body.delivery_id,
            since=body.since,
            failed=body.failed,
            after=body.after,
        )
        return ResentAnswer(data=Resent(resent=resent.count, reached=resent.reached))

    return await write(request, send)


@router.get("/v1/webhooks/{webhook_id}/deliveries", responses=answers(DeliveryPage.example()))
async def list_deliveries(
    request: Request,
    webhook_id: UUID,
    *,
    state: State | None = None,
    limit: Size = PAGE,
    next_page: str | None = None,
) -> Response:
    """Deliveries to a webhook, the latest of the feed first."""
    account_id, before = caller_of(request).account_id, _place(next_page)

    def look(connection: Connection) -> DeliveryPage:
        found = deliveries.list_deliveries(
            connection, account_id, webhook_id, limit=limit + 1, state=state, before=before
        )
        return DeliveryPage.of(found, limit=limit)

    return Json(await gateway_of(request).read(look))


@router.get("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", responses=answers(DeliveryAnswer.example()))
async def show_delivery(request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
    """A delivery with every attempt: when, how long, and what was answered."""
    account_id = caller_of(request).account_id
    found = await gateway_of(request).read(
        lambda connection: deliveries.show_delivery(connection, account_id, webhook_id, delivery_id)
    )
    return Json(DeliveryAnswer(data=Delivery.of(found)))


def _require_allowed(request: Request, url: str) -> None:
    try:
        target_of(url, policy_of(gateway_of(request).settings))
    except WrongUrl as error:
        raise invalid_field("/url", str(error)) from None


def _place(given: str | None) -> tuple[int, UUID] | None:
    if given is None:
        return None
    found = _PLACE.fullmatch(given)
    try:
        return (int(found[1]), UUID(found[2])) if found else _no_place()
    except ValueError:
        return _no_place()


def _no_place() -> NoReturn:
    raise invalid_field("/next_page", NO_CURSOR)
