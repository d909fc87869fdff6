"""The image's commands, from the wheel in an empty environment, as a user without rights."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import CATALOG
from tests.acceptance.gateway import CREATE
from tests.acceptance.image import Image, compose_services, health_command
from tests.acceptance.installed import build_wheel, install
from tests.acceptance.processes import wait_for
from tests.bodies import invoiced
from tests.conftest import SECRET_KEY, RunningServices
from trueup.store.postgres.roles.names import OWNER
from trueup_worker.local.servers.server import free_port

pytestmark = pytest.mark.slow
SECONDS_MAX = 120
PORT = str(free_port())


@pytest.fixture
def image(services: RunningServices, open_folder: Path) -> Iterator[Image]:
    """The image, with secrets that name an empty database."""
    folder = open_folder / "image"
    folder.mkdir(mode=0o755)
    installed = install(build_wheel(folder), folder / "environment", extras=frozenset({"worker", "xlsx"}))
    services.create("of_the_image")
    urls = {"app_url": services.database("of_the_image"), "owner_url": services.database("of_the_image", role=OWNER)}
    yield Image.made(installed, folder, {**urls, "secret_key": SECRET_KEY})
    services.drop("of_the_image")


def test_from_nothing_to_an_invoice(image: Image, redis_url: str) -> None:
    """Migrations, an account, all processes as the compose file has them, a call, an invoice, the end."""
    here = {"TRUEUP_BROKER_URL": redis_url, "TRUEUP_REDIS_URL": f"{redis_url[:-1]}1", "TRUEUP_HTTP_PORT": PORT}
    services = compose_services()

    def run(service: str, *arguments: str, **environ: str) -> str:
        environ = image.environ(services[service]["environment"], **here, **environ)
        command = image.command(*arguments)
        ran = subprocess.run(
            command,
            cwd=image.folder / "work",
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run("migrate", *services["migrate"]["command"])
    token = json.loads(run("gateway", "accounts", "create", "acme", "--tokens", "-"))["token"]
    run("gateway", "catalog", "load", str(CATALOG), TRUEUP_TOKEN=token)

    def is_healthy() -> bool:
        return subprocess.run(health_command(image.folder / "run"), check=False).returncode == 0

    assert not is_healthy()
    with ExitStack() as stack:
        log = stack.enter_context((image.folder / "processes.log").open("wb"))
        started = {}
        for name, service in services.items():
            if name != "migrate":
                started[name] = stack.enter_context(
                    subprocess.Popen(
                        image.command(*service["command"]),
                        cwd=image.folder / "work",
                        env=image.environ(service["environment"], **here),
                        stdout=log,
                        stderr=log,
                    )
                )
                stack.callback(started[name].kill)
        ready = image.folder / "run"
        wait_for(lambda: {path.name for path in ready.iterdir()} == started.keys(), what="all processes to be ready")
        assert is_healthy()
        if os.geteuid() == 0:
            owners = {Path("/proc", str(each.pid)).stat().st_uid for each in started.values()}
            assert owners == {image.user()[0]}
        headers = {"authorization": f"Bearer {token}"}
        made = httpx.post(f"http://127.0.0.1:{PORT}{CREATE}", json=invoiced(), headers=headers, timeout=30)
        assert made.status_code == 200, made.text
        wait_for(
            lambda: len(json.loads(run("gateway", "invoices", "list", "--json", TRUEUP_TOKEN=token))) == 1,
            what="the invoice",
        )
        for each in started.values():
            each.send_signal(signal.SIGTERM)
        assert {name: each.wait(30) for name, each in started.items()} == dict.fromkeys(started, 0)
    assert list((image.folder / "work").iterdir()) == []
