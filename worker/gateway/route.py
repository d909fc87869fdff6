"""The one place through which every call goes: scope, rate, body; then the handler."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from shared.store.tokens import Caller
from worker.gateway.call import Call
from worker.gateway.gateway import Gateway
from worker.gateway.keyring import Sender
from worker.gateway.scopes import scope_of

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
        takes_call = getattr(self.endpoint, _RAW, False)
        handler: Handler = self.endpoint if takes_call else super().get_route_handler()
        reads_body = self.body_field is not None and not takes_call

        async def guarded(request: Request) -> Response:
            gateway: Gateway = request.app.state.gateway
            call = Call(request.scope, request.receive)
            if scope is not None:
                sender = await gateway.keyring.admit(call.headers.get("authorization"), scope)
                call.state.sender = sender
                structlog.contextvars.bind_contextvars(account=sender.caller.account)
                gateway.rate.count(sender.caller.account_id)
            if reads_body and await call.body():
                await call.json()
            return await handler(call)

        return guarded


def gateway_of(request: Request) -> Gateway:
    """What the process holds open."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def caller_of(request: Request) -> Caller:
    """Who calls."""
    sender: Sender = request.state.sender
    return sender.caller
