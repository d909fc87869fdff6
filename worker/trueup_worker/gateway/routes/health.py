"""Whether the process lives, whether it takes calls, and how the whole stands."""

from fastapi import APIRouter, Request, Response

from trueup_worker.gateway.calls.guarded_route import GuardedRoute
from trueup_worker.gateway.health_checks import Health as Known
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.schema.models import Alive, Health, Ready

router = APIRouter(route_class=GuardedRoute, tags=["Health"])


@router.get("/livez", response_model=Alive)
async def livez() -> Response:
    """Whether the process answers at all."""
    return Json({"status": "ok"})


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
async def readyz(request: Request) -> Response:
    """Whether it takes calls: database, broker and workers answer, no call is stuck, and it is not about to stop."""
    checks = await _health_of(request).checks()
    ready = all(checks.values())
    return Json({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)


@router.get("/healthz", response_model=Health, responses={503: {"model": Health}})
async def healthz(request: Request) -> Response:
    """How the whole stands: the backlog of each queue, and the age of the oldest thing that is due."""
    health = await _health_of(request).whole()
    return Json(health, 200 if health["status"] == "ok" else 503)


def _health_of(request: Request) -> Known:
    health: Known = request.app.state.health
    return health
