"""The application: routes, failures, and what is open while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from trueup.settings import Settings
from trueup_worker.gateway.docs.document import describe
from trueup_worker.gateway.health_checks import HealthChecks
from trueup_worker.gateway.http.access_log import AccessLog
from trueup_worker.gateway.http.failures import answer_failures
from trueup_worker.gateway.routes import (
    alerts,
    balances,
    batches,
    catalog,
    catalog_lists,
    changes,
    commits,
    create,
    document,
    edits,
    events,
    exports,
    health,
    invoice_documents,
    invoices,
    lists,
    months,
    parked,
    parties,
    requests,
    usage,
    validation,
    webhooks,
)
from trueup_worker.gateway.services import Gateway
from trueup_worker.observability.metrics import calls

# Matched in this order: what is called most comes first, and a fixed path before one with a parameter.
_MODULES = (
    create,
    usage,
    requests,
    validation,
    commits,
    balances,
    edits,
    changes,
    catalog_lists,
    catalog,
    invoices,
    invoice_documents,
    lists,
    batches,
    parked,
    events,
    webhooks,
    alerts,
    parties,
    months,
    exports,
    health,
    document,
)


def make_app(settings: Settings) -> FastAPI:
    """The application with every route.

    Raises:
        NoScope: a route has no entry in the table of scopes.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gateway = Gateway(settings)
        app.state.gateway, app.state.health = gateway, HealthChecks(gateway)
        async with gateway.running():
            yield

    app = FastAPI(
        title="Trueup",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would look for receivers at every call
    )
    for module in _MODULES:
        app.router.routes.extend(module.router.routes)
    answer_failures(app)
    describe(app, url=settings.public_url)
    return app


def wrapped(app: FastAPI) -> ASGIApp:
    """The application with its outermost layer."""
    return AccessLog(app, calls(frozenset(route.path for route in app.routes if isinstance(route, APIRoute))))
