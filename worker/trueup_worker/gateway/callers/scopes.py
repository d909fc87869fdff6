"""Which scope each route asks for: the one table, and the one place where it is enforced is `route.GuardedRoute`."""

from typing import Literal

from trueup.store.accounts.tokens import Scope

PUBLIC: Literal["public"] = "public"

SCOPES: dict[tuple[str, str], Scope | Literal["public"]] = {
    ("POST", "/v1/contracts/customerCommits/create"): "commits:write",
    ("POST", "/v1/contracts/customerCredits/create"): "commits:write",
    ("POST", "/v1/contracts/customerCommits/list"): "read",
    ("POST", "/v1/contracts/customerCredits/list"): "read",
    ("POST", "/v1/contracts/customerBalances/list"): "read",
    ("POST", "/v1/contracts/customerBalances/getNetBalance"): "read",
    ("POST", "/v1/contracts/customerCommits/updateEndDate"): "operate",
    ("POST", "/v1/contracts/customerCredits/updateEndDate"): "operate",
    ("POST", "/v2/contracts/commits/edit"): "operate",
    ("POST", "/v2/contracts/credits/edit"): "operate",
    ("POST", "/v2/contracts/commits/archive"): "operate",
    ("POST", "/v2/contracts/credits/archive"): "operate",
    ("POST", "/v1/contracts/commits/disableTrueup"): "operate",
    ("POST", "/v1/contracts/addManualBalanceLedgerEntry"): "operate",
    ("GET", "/v1/commits"): "read",
    ("GET", "/v1/commits/list"): "read",
    ("GET", "/v1/commits/{commit_id}"): "read",
    ("POST", "/v1/commits/validate"): "read",
    ("GET", "/v1/requests"): "read",
    ("GET", "/v1/requests/{request_id}"): "read",
    ("POST", "/v1/batches"): "commits:write",
    ("GET", "/v1/batches"): "read",
    ("GET", "/v1/batches/{batch_id}"): "read",
    ("POST", "/v1/customers"): "operate",
    ("GET", "/v1/customers"): "read",
    ("GET", "/v1/customers/list"): "read",
    ("GET", "/v1/customers/{customer_id}"): "read",
    ("GET", "/v1/products/list"): "read",
    ("POST", "/v1/contract-pricing/products/create"): "operate",
    ("POST", "/v1/contract-pricing/products/get"): "read",
    ("POST", "/v1/contract-pricing/products/list"): "read",
    ("POST", "/v1/contracts/create"): "operate",
    ("POST", "/v1/contracts/get"): "read",
    ("POST", "/v1/contracts/list"): "read",
    ("GET", "/v1/contracts/list"): "read",
    ("GET", "/v1/customers/{customer_id}/invoices"): "read",
    ("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}"): "read",
    ("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}/html"): "read",
    ("GET", "/v1/customers/{customer_id}/invoices/{invoice_id}/pdf"): "read",
    ("GET", "/v1/invoices"): "read",
    ("POST", "/v1/invoices/void"): "operate",
    ("POST", "/v1/invoices/regenerate"): "operate",
    ("POST", "/v1/invoices/mark"): "operate",
    ("POST", "/v1/invoices/unmark"): "operate",
    ("POST", "/v1/usage"): "usage:write",
    ("POST", "/v1/usage/batch"): "usage:write",
    ("GET", "/v1/parked"): "operate",
    ("POST", "/v1/parked/replay"): "operate",
    ("GET", "/v1/events"): "read",
    ("POST", "/v1/webhooks"): "operate",
    ("GET", "/v1/webhooks"): "read",
    ("GET", "/v1/webhooks/{webhook_id}"): "read",
    ("PATCH", "/v1/webhooks/{webhook_id}"): "operate",
    ("DELETE", "/v1/webhooks/{webhook_id}"): "operate",
    ("POST", "/v1/webhooks/{webhook_id}/rotate"): "operate",
    ("POST", "/v1/webhooks/{webhook_id}/test"): "operate",
    ("POST", "/v1/webhooks/{webhook_id}/resend"): "operate",
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): "read",
    ("GET", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"): "read",
    ("GET", "/v1/alerts"): "read",
    ("PUT", "/v1/alerts/{kind}"): "operate",
    ("DELETE", "/v1/alerts/{kind}"): "operate",
    ("GET", "/v1/seller"): "read",
    ("PATCH", "/v1/seller"): "operate",
    ("GET", "/v1/customers/{customer_id}/billing"): "read",
    ("PATCH", "/v1/customers/{customer_id}/billing"): "operate",
    ("GET", "/v1/months"): "read",
    ("POST", "/v1/months/close"): "operate",
    ("GET", "/v1/exports/{name}"): "read",
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/{name}"): PUBLIC,
    ("GET", "/redoc"): PUBLIC,
}


class NoScope(LookupError):
    """A route has no entry in the table of scopes."""


def scope_of(method: str, path: str) -> Scope | None:
    """Scope that a token must have for this route; None: the route is public.

    Raises:
        NoScope: nobody decided.
    """
    try:
        scope = SCOPES[method, path]
    except KeyError:
        raise NoScope(f"{method} {path}") from None
    return None if scope == "public" else scope
