"""The routes through which every call goes: scope, rate, body; then the endpoint."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, NoReturn

import structlog
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from trueup.store.accounts.tokens import Caller
from trueup_worker.gateway.callers.scopes import scope_of
from trueup_worker.gateway.calls.request import Call
from trueup_worker.gateway.database.threads import account_served
from trueup_worker.gateway.services import Gateway

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route with a scope, whose endpoint is given what FastAPI reads out of the call.

    Raises:
        NoScope: when it is made without an entry in the table of scopes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.operation_id = self.name  # links to the pages of an operation have it

    def get_route_handler(self) -> Handler:
        """The handler behind the guard."""
        self.strict_content_type = False  # a body that does not say what it is counts as JSON; `Call` judges it
        guarded = self._guarded(super().get_route_handler(), reads_body=self.body_field is not None)

        async def respond(request: Request) -> Response:
            return await guarded(Call(request.scope, request.receive))

        return respond

    def _guarded(self, handler: Handler, *, reads_body: bool) -> Callable[[Call], Coroutine[Any, Any, Response]]:
        (method,) = self.methods or {"GET"}
        scope = scope_of(method, self.path_format)
        known = self._known_parameters()

        async def guarded(call: Call) -> Response:
            gateway = call.gateway
            if scope is not None:
                call.principal = principal = await gateway.authentication.admit(
                    call.header("authorization"), scope, peer=call.peer
                )
                account_served.set(principal.caller.account_id)
                structlog.contextvars.bind_contextvars(account=principal.caller.account)
                gateway.rate.count(principal.caller.account_id)
            body = await call.json() if reads_body and await call.body() else None
            # Health checks pass with anything: whoever asks them may add what it likes.
            if scope is not None and call.scope["query_string"] and (unknown := call.query_params.keys() - known):
                await self._refuse(call, sorted(unknown), body)
            return await handler(call)

        return guarded

    def _known_parameters(self) -> set[str]:
        """Parameters of the query: those that FastAPI reads, and those that the document tells of."""
        own = self.dependant
        asked = Dependant(query_params=own.query_params, dependencies=own.dependencies)
        return {each.alias for each in get_flat_params(asked)}

    async def _refuse(self, call: Call, unknown: list[str], body: Any) -> NoReturn:
        """Raise what is unknown in a query, and all else that FastAPI finds wrong with the call, in one pass."""
        found = await self._found_wrong(call, body)
        raise RequestValidationError(
            [*found, *({"loc": ("query", name), "type": "extra_forbidden"} for name in unknown)]
        )

    async def _found_wrong(self, call: Call, body: Any) -> list[Any]:
        async with AsyncExitStack() as stack:
            solved = await solve_dependencies(
                request=call,
                dependant=self.dependant,
                body=body,
                async_exit_stack=stack,
                embed_body_fields=self._embed_body_fields,
            )
        return solved.errors


class DirectRoute(GuardedRoute):
    """A route with a scope, whose endpoint takes the call itself, and nothing that FastAPI would read out of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = self._app()

    def _app(self) -> ASGIApp:
        """The guarded endpoint, without what FastAPI puts around it to solve and close what it depends on."""
        guarded = self._guarded(self.endpoint, reads_body=False)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await guarded(Call(scope, receive))
            await answer(scope, receive, send)

        return app

    async def _found_wrong(self, call: Call, body: Any) -> list[Any]:  # noqa: ARG002 - the endpoint judges all of it
        return []


def gateway_of(request: Request) -> Gateway:
    """Gateway that serves the call: what its process holds open."""
    assert isinstance(request, Call)
    return request.gateway


def caller_of(request: Request) -> Caller:
    """Caller of a guarded route."""
    assert isinstance(request, Call)
    return request.principal.caller
