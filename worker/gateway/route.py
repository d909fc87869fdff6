"""The one place through which every call goes: scope, rate, body; then the handler."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, NoReturn, TypeVar

import structlog
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from shared.store.tokens import Caller
from worker.gateway.call import Call
from worker.gateway.gateway import Gateway
from worker.gateway.keyring import Sender
from worker.gateway.scopes import scope_of
from worker.gateway.threads import account_served

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
F = TypeVar("F", bound=Callable[..., Any])

_RAW = "_takes_the_call_itself"


def raw(endpoint: F) -> F:
    """Marks an endpoint that takes the call itself, and nothing that FastAPI would read out of it for it."""
    setattr(endpoint, _RAW, True)
    return endpoint


class GuardedRoute(APIRoute):
    """A route with a scope.

    Raises:
        NoScope: when it is made without an entry in the table of scopes.
    """

    def get_route_handler(self) -> Handler:
        """The handler behind the guard."""
        (method,) = self.methods or {"GET"}
        scope = scope_of(method, self.path_format)
        self.strict_content_type = False  # a body that does not say what it is counts as JSON; `Call` judges it
        takes_call = getattr(self.endpoint, _RAW, False)
        handler: Handler = self.endpoint if takes_call else super().get_route_handler()
        reads_body = self.body_field is not None and not takes_call
        known = self._known_parameters()

        async def guarded(request: Request) -> Response:
            gateway: Gateway = request.app.state.gateway
            call = Call(request.scope, request.receive)
            if scope is not None:
                sender = await gateway.keyring.admit(call.headers.get("authorization"), scope)
                call.state.sender = sender
                account_served.set(sender.caller.account_id)
                structlog.contextvars.bind_contextvars(account=sender.caller.account)
                gateway.rate.count(sender.caller.account_id)
            body = await call.json() if reads_body and await call.body() else None
            # Health checks pass with anything: whoever asks them may add what it likes.
            if scope is not None and call.scope["query_string"] and (unknown := call.query_params.keys() - known):
                await self._refuse(call, sorted(unknown), body)
            return await handler(call)

        return guarded

    def _known_parameters(self) -> set[str]:
        """What may stand in the query: what FastAPI reads out of it, and what else the document tells of."""
        told = (self.openapi_extra or {}).get("parameters", ())
        read = get_flat_params(Dependant(query_params=self.dependant.query_params))
        return {*(each.alias for each in read), *(each["name"] for each in told if each["in"] == "query")}

    async def _refuse(self, call: Call, unknown: list[str], body: Any) -> NoReturn:
        """Raises what is unknown in a query, and all else that FastAPI finds wrong with the call, in one pass."""
        async with AsyncExitStack() as stack:
            solved = await solve_dependencies(
                request=call,
                dependant=self.dependant,
                body=body,
                async_exit_stack=stack,
                embed_body_fields=self._embed_body_fields,
            )
        raise RequestValidationError(
            [*solved.errors, *({"loc": ("query", name), "type": "extra_forbidden"} for name in unknown)]
        )


def gateway_of(request: Request) -> Gateway:
    """What the process holds open."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def caller_of(request: Request) -> Caller:
    """Who calls."""
    sender: Sender = request.state.sender
    return sender.caller
