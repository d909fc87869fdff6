"""The OpenAPI document, and two readers that show it."""

from fastapi import APIRouter, Request, Response

from trueup_worker.gateway.calls.guarded_route import GuardedRoute
from trueup_worker.gateway.docs.readers import POLICY, REDOC, SWAGGER_UI, reader_file
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.http.refusals import not_found

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return Json(request.app.openapi())


@router.get("/docs")
async def docs() -> Response:
    """Swagger UI: calls can be tried."""
    return _guarded(SWAGGER_UI, "text/html")


@router.get("/redoc")
async def redoc() -> Response:
    """Redoc: everything can be searched."""
    return _guarded(REDOC, "text/html")


@router.get("/docs/{name}")
async def docs_file(name: str) -> Response:
    """A file that one of the pages loads."""
    try:
        content, media_type = reader_file(name)
    except KeyError:
        raise not_found(f"no page loads a file {name}") from None
    return _guarded(content, media_type)


def _guarded(content: str | bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"content-security-policy": POLICY})
