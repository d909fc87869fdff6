"""Routes of health: whether the process lives, whether it takes calls, and how the whole stands."""

from fastapi import APIRouter, Request, Response

from trueup_worker.gateway.answers.health import Alive, Health, Ready
from trueup_worker.gateway.calls.guarded_route import GuardedRoute
from trueup_worker.gateway.health_checks import HealthChecks
from trueup_worker.gateway.http.encoding import Json
from trueup_worker.gateway.schema.openapi import answers

router = APIRouter(route_class=GuardedRoute, tags=["Health"])


@router.get("/livez", responses=answers(Alive.example()))
async def livez() -> Response:
    """Tell whether the process answers at all."""
    return Json(Alive(status="ok"))


@router.get("/readyz", responses=answers(Ready.example()) | answers(Ready.example_of_unavailable(), status=503))
async def readyz(request: Request) -> Response:
    """Readiness: database, broker and workers answer, no call is stuck, and the process is not about to stop."""
    return _told(Ready.of(await _health_of(request).checks()))


@router.get("/healthz", responses=answers(Health.example()) | answers(Health.example_of_unavailable(), status=503))
async def healthz(request: Request) -> Response:
    """Health of the whole: the backlog of each queue, lateness of invoicing and of the feed of events, webhooks."""
    return _told(await _health_of(request).whole())


def _told(answer: Ready | Health) -> Response:
    return Json(answer, 200 if answer.status == "ok" else 503)


def _health_of(request: Request) -> HealthChecks:
    health: HealthChecks = request.app.state.health
    return health
