"""The OpenAPI document, and pages that show it."""

from fastapi import APIRouter, Request, Response

from trueup_worker.gateway.calls.guarded_route import GuardedRoute, gateway_of
from trueup_worker.gateway.docs.page import page_of
from trueup_worker.gateway.http.encoding import Json

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_NOTHING_FROM_ELSEWHERE = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return Json(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The document as a page, which needs nothing from anywhere else."""
    page = page_of(request.app.openapi(), url=gateway_of(request).settings.public_url)
    return Response(page, media_type="text/html", headers={"content-security-policy": _NOTHING_FROM_ELSEWHERE})
