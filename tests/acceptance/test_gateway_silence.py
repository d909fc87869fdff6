"""A database that says nothing: calls are answered all the same, and soon."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import CREATE, Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.acceptance.silence import Line, line_to
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

Here = tuple[Gateway, Line]


@pytest.fixture(scope="module")
def silenced(module_fleet: Fleet, account: Intake, module_database: Engine) -> Iterator[Here]:
    """A gateway with short timeouts before a worker, and its line to the database."""
    module_fleet.worker("commits")
    timeouts = {"TRUEUP_HTTP_DATABASE_S": "0.5", "TRUEUP_HTTP_WAIT_S": "0.5"}
    with (
        line_to(module_database.url) as (line, url),
        gateway(module_fleet, account.token, TRUEUP_DATABASE_URL=url, **timeouts) as running,
    ):
        yield running, line


def calls(here: Gateway) -> dict[str, Answer]:
    """A read, a change, creates, and a probe, all at once; the token is known."""
    json_type = {"content-type": "application/json"}
    asked = {
        "read": ("GET", "/v1/customers", {}),
        "change": ("POST", "/v1/customers", {"content": '{"name": "x"}', "headers": json_type}),
        "create": ("POST", CREATE, {"content": json.dumps(prepaid()), "headers": json_type}),
        "keep": ("POST", CREATE, {"content": "{}", "headers": json_type | {"prefer": "respond-async"}}),
        "upload": ("POST", "/v1/batches", {"content": "[]", "headers": {"content-type": "application/jsonl"}}),
        "ready": ("GET", "/readyz", {}),
        "health": ("GET", "/healthz", {}),
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        told = {name: pool.submit(here.call, method, path, **more) for name, (method, path, more) in asked.items()}
        return {name: future.result() for name, future in told.items()}


def test_a_silent_database(silenced: Here) -> None:
    """Who reads or creates may try again, who changes is told that nobody knows; when it speaks again all is well."""
    here, line = silenced
    assert here.call("GET", "/readyz").status == 200
    assert here.call("GET", "/v1/customers").status == 200
    began_s = time.monotonic()
    with line.silent():
        told = calls(here)
        assert {name: answer.status for name, answer in told.items()} == dict.fromkeys(told, 503)
        stranger = here.call("GET", "/v1/customers", token="tu_" + "a" * 16 + "_" + "b" * 64)
    assert time.monotonic() - began_s < 5
    again = {name for name, answer in told.items() if "retry-after" in answer.headers}
    assert again == {"read", "create", "keep", "upload"}
    assert {name for name, answer in told.items() if "x-should-retry" in answer.headers} == {"change"}
    assert {check for check, holds in told["ready"].json["checks"].items() if not holds} == {"database"}
    assert (stranger.status, "retry-after" in stranger.headers) == (503, True)
    wait_for(lambda: here.call("GET", "/v1/customers").status == 200, what="calls to be answered again")
    wait_for(lambda: here.call("GET", "/readyz").status == 200, what="the gateway to be ready again")
