"""The example applications send requests as they stand, to a real broker, and a real worker decides them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery
from sqlalchemy import Engine

from tests.acceptance.processes import ROOT, Fleet, fleet, wait_for
from tests.integration.intake import Intake
from trueup.ids import new_id
from trueup.store.catalog.catalog import load_catalog
from trueup.wire.catalog import read_catalog
from trueup_worker.local.servers.server import free_port

EXAMPLES = ROOT / "deploy/examples"
REQUEST = (EXAMPLES / "request.json").read_text(encoding="utf-8")
DEAL = {
    "customer_id": "5e78454d-f065-41c2-84cc-4549c1acc990",
    "contract_id": "4bd2805b-d8ff-4d9b-87a3-e3f5332c9777",
    "year": "2031",
    "amount": "1234567890123.45",
}
NOBODY = "redis://127.0.0.1:1/0"  # nothing answers on port 1


@pytest.fixture
def account(database: Engine) -> Intake:
    """The account `default` with the sample catalog."""
    made = Intake(database, account="default")
    with database.begin() as connection:
        load_catalog(connection, made.account_id, read_catalog((ROOT / "deploy/sample/catalog.json").read_bytes()))
    return made


@pytest.fixture
def processes(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """A worker of Trueup."""
    with fleet(database_url, redis_url, tmp_path) as running:
        running.worker("commits,commits.bulk")
        yield running


@pytest.fixture
def environ(processes: Fleet, account: Intake, tmp_path: Path) -> dict[str, str]:
    """What an application finds in its environment."""
    return {
        "PATH": os.environ["PATH"],
        "TRUEUP_BROKER_URL": processes.redis_url,
        "TRUEUP_DATABASE_URL": processes.database_url,
        "TRUEUP_REDIS_URL": processes.redis_url.rsplit("/", 1)[0] + "/1",
        "TRUEUP_TOKEN": account.token,
        "SHOP_BROKER_URL": processes.redis_url.rsplit("/", 1)[0] + "/2",
        "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"),
    }


@contextmanager
def running(argv: list[str], environ: dict[str, str], *, cwd: Path) -> Iterator[None]:
    """A process of an application while this lasts."""
    with subprocess.Popen([sys.executable, *argv], cwd=cwd, env=environ) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def serving(argv: list[str], environ: dict[str, str], *, cwd: Path, port: int) -> Iterator[httpx.Client]:
    """Calls to a server, once it answers."""
    with running(argv, environ, cwd=cwd), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        wait_for(lambda: answers(client), what="the application to answer")
        yield client


def answers(client: httpx.Client) -> bool:
    """Whether the server is there."""
    try:
        client.get("/")
    except httpx.TransportError:
        return False
    return True


def commits(account: Intake) -> list[Any]:
    """Id and amount of each commit that was made."""
    return account.rows("SELECT commit_id::text, amount FROM segment WHERE account_id = :a")


def test_django(environ: dict[str, str], account: Intake) -> None:
    """A deal that is committed is sent; what the broker did not take is sent by the command, which notes outcomes."""
    folder, port = EXAMPLES / "django", free_port()

    def manage(*arguments: str) -> str:
        argv = [sys.executable, "manage.py", *arguments]
        return subprocess.run(argv, cwd=folder, env=environ, check=True, capture_output=True, text=True).stdout

    manage("migrate", "--run-syncdb")
    server = ["manage.py", "runserver", "--noreload", str(port)]
    with serving(server, environ, cwd=folder, port=port) as client:
        assert client.post("/deals", data=DEAL | {"amount": "much"}).status_code == 400
        won = client.post("/deals", data=DEAL)
        assert won.status_code == 202
        first = won.json()["id"]
        wait_for(lambda: commits(account), what="the commit")
    with serving(server, environ | {"TRUEUP_BROKER_URL": NOBODY}, cwd=folder, port=port) as client:
        second = client.post("/deals", data=DEAL).json()["id"]
        third = client.post("/deals", data=DEAL | {"contract_id": str(new_id())}).json()["id"]
    assert [each[0] for each in commits(account)] == [first]
    said = manage("send_commits").splitlines()
    assert {f"{first} created", f"{second} created"} < set(said)
    assert [line.split()[:2] for line in said if line.startswith(third)] == [[third, "not_found"]]
    assert sorted(commits(account)) == sorted((each, Decimal(DEAL["amount"])) for each in (first, second))
    assert manage("send_commits") == ""


def test_fastapi(environ: dict[str, str], account: Intake) -> None:
    """The same call again is the same commit; what breaks the rules is refused, and a broker that is away told of."""
    port, deal = free_port(), f"/deals/{new_id()}"
    server = ["-m", "uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "warning"]
    with serving(server, environ, cwd=EXAMPLES, port=port) as client:
        for _ in range(2):
            assert client.put(deal, json=DEAL).json() == {"id": deal[7:], "outcome": "created"}
        assert client.get(deal).json() == {"id": deal[7:], "outcome": "created", "problems": []}
        assert client.put(f"/deals/{new_id()}", json=DEAL | {"amount": "0"}).status_code == 422
    assert commits(account) == [(deal[7:], Decimal(DEAL["amount"]))]
    with serving(server, environ | {"TRUEUP_BROKER_URL": NOBODY}, cwd=EXAMPLES, port=port) as client:
        away = client.put(f"/deals/{new_id()}", json=DEAL)
        assert (away.status_code, away.headers["retry-after"]) == (503, "2")


def test_celery(environ: dict[str, str], account: Intake) -> None:
    """A task of the application sends the request, by a connection of its own; delivered twice, it is one commit."""
    deal_id = str(new_id())
    worker = ["-m", "celery", "--quiet", "-A", "celery_app", "worker", "-P", "solo", "-l", "WARNING"]
    with running(worker, environ, cwd=EXAMPLES):
        shop = Celery(broker=environ["SHOP_BROKER_URL"], set_as_current=False)
        for _ in range(2):
            shop.send_task("celery_app.send_commit", [deal_id, REQUEST], ignore_result=True)
        wait_for(lambda: commits(account), what="the commit")
        shop.close()
    assert commits(account) == [(deal_id, Decimal(1200000))]
    assert account.count("parked") == 0
