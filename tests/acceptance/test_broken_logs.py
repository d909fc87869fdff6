"""With logs that take no lines, all work goes on, and what was lost is told once they take some again."""

import json
import re
import resource
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.acceptance.broken_logs import KINDS, broken_log
from tests.acceptance.gateway import CREATE, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

pytestmark = pytest.mark.slow

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What is wrong with the log."""
    return str(request.param)


def next_log(processes: Fleet) -> Path:
    """Where the process that is started next logs."""
    return processes.folder / f"process-{len(processes.started)}.log"


def test_all_work_goes_on(module_fleet: Fleet, module_database: Engine, kind: str) -> None:
    """A worker, a scheduler and a gateway that can log nothing do what they always do, and end when they are told."""
    lone = Intake(module_database, account=f"log on a {kind}")
    database = 7 + KINDS.index(kind)
    settings = {"TRUEUP_BROKER_URL": module_fleet.redis_url.rsplit("/", 1)[0] + f"/{database}"}
    began = len(module_fleet.started)
    with ExitStack() as stack:
        breaks = [stack.enter_context(broken_log(kind, next_log(module_fleet)))]
        module_fleet.worker("commits", TRUEUP_LOG_LEVEL="DEBUG", **settings)
        breaks.append(stack.enter_context(broken_log(kind, next_log(module_fleet))))
        module_fleet.scheduler(TRUEUP_LOG_LEVEL="DEBUG", **settings)
        breaks.append(stack.enter_context(broken_log(kind, next_log(module_fleet))))
        here = stack.enter_context(gateway(module_fleet, lone.token, TRUEUP_LOG_LEVEL="DEBUG", **settings))
        for each in breaks:
            each()
        bodies = (prepaid(), prepaid(priority="high"), prepaid())
        assert [here.create(body).status for body in bodies] == [200, 400, 200]
        assert here.call("GET", "/v1/nothing").status == 404
        assert here.create(prepaid(), prefer="respond-async").status == 202
        wait_for(lambda: lone.count("commit") == 3 and not lone.count("intake"), what="what was kept to be decided")
        processes = module_fleet.started[began:]
        assert [each.poll() for each in processes] == [None] * 3
        for each in processes:
            each.send_signal(signal.SIGTERM)
        assert [each.wait() for each in processes] == [0] * 3


def test_a_send_that_fails_holds_up_nobody(module_fleet: Fleet, account: Intake, kind: str) -> None:
    """When it cannot even be told that the broker is away, a call is kept and answered, and so is every later one."""
    with (
        broken_log(kind, next_log(module_fleet)) as breaks,
        gateway(module_fleet, account.token, TRUEUP_BROKER_URL=NOBODY) as here,
    ):
        breaks()
        assert [kept_soon(here) for _ in range(3)] == [202] * 3
    with account.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM intake WHERE account_id = {account.account_id}")


def kept_soon(here: Gateway) -> int:
    """The status of a create that is to be kept, which does not take long."""
    headers = {"content-type": "application/json", "prefer": "respond-async"}
    return here.call("POST", CREATE, content=json.dumps(prepaid()), headers=headers, timeout=10).status


def test_a_scheduler_that_cannot_tell_why_it_fails(module_fleet: Fleet, kind: str) -> None:
    """It looks again and again."""
    with (
        broken_log(kind, next_log(module_fleet)) as breaks,
        socket.create_server(("127.0.0.1", 0)) as nobody,
        ThreadPoolExecutor(1) as pool,
    ):
        nobody.settimeout(30)
        begun = len(module_fleet.started)
        url = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        starting = pool.submit(module_fleet.scheduler, TRUEUP_BROKER_URL=url)
        for number in range(4):
            nobody.accept()[0].close()
            if number == 0:
                breaks()
        assert len(module_fleet.started) == begun + 1
        assert module_fleet.started[begun].poll() is None
        module_fleet.started[begun].send_signal(signal.SIGTERM)
        starting.result()


def test_what_was_lost_is_told(module_fleet: Fleet, account: Intake) -> None:
    """As soon as there is room again, although nothing more is logged."""
    log = next_log(module_fleet)
    with gateway(module_fleet, account.token) as here:
        process = module_fleet.started[-1]
        here.call("GET", "/v1/nothing")
        wait_for(lambda: "status=404" in log.read_text(), what="the call's line")
        limit = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 10, resource.RLIM_INFINITY))
        for _ in range(5):
            assert here.call("GET", "/v1/nothing").status == 404
        lost = wait_for(lambda: (n := here.call("GET", "/healthz").json["log_lines_lost"]) >= 5 and n, what="the loss")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)
        wait_for(lambda: "log_lines_lost" in log.read_text(), what="the loss to be told")
    told = sum(int(number) for number in re.findall(r"log lines were lost .* lines=(\d+)", log.read_text()))
    assert told >= lost
