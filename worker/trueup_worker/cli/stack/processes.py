"""One process of the Procfile in the foreground, for a supervisor of your own: systemd, a container, a terminal."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from trueup.readiness import PROCESS_NAME_VARIABLE, READY_FOLDER_VARIABLE
from trueup.settings import PREFIX
from trueup_worker.cli.stack.project import project_file
from trueup_worker.cli.terminal.context import Session, session
from trueup_worker.local.fork_server.client import module_of

app = typer.Typer()


_WORKERS = ("single", "bulk", "invoices", "events")


@app.command()
def worker(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="single, bulk, invoices or events; bulk.2 for another one on this host.")],
) -> None:
    """Run a worker: `single` takes calls, `bulk` these and files, `invoices` what is due, `events` webhooks.

    Any number may run, on any hosts. SIGTERM lets it finish what it has in hand.
    """
    kind, separator, number = name.partition(".")
    if kind not in _WORKERS or (separator and not number.isdecimal()):
        raise typer.BadParameter(f"there is no worker {name!r}, but {', '.join(_WORKERS)}, and bulk.2 and so on")
    _become(kind, session(ctx), name=name)


@app.command()
def scheduler(ctx: typer.Context) -> None:
    """Run a scheduler, which finds what is due and sends what was kept. Any number may run."""
    _become("scheduler", session(ctx), name="scheduler")


@app.command()
def gateway(ctx: typer.Context) -> None:
    """Run a gateway: HTTP on TRUEUP_HTTP_HOST and TRUEUP_HTTP_PORT. SIGTERM lets it answer the calls it has."""
    _become("gateway", session(ctx), name="gateway")


def _become(line: str, here: Session, *, name: str) -> NoReturn:
    """Replace this process by what the Procfile's line runs, so that a supervisor's signals reach it.

    Raises:
        SettingsError: some are wrong or missing: said here, at once, as nothing is connected to yet.
    """
    _ = here.settings
    environ = {**os.environ, **_supplied(here.found), **_readiness(name)}
    os.execve(sys.executable, [sys.executable, "-P", "-m", *_module(line)], environ)  # noqa: S606 (it is meant to)


def _module(line: str) -> list[str]:
    lines = (line.partition(": ") for line in project_file("Procfile").read_text(encoding="utf-8").splitlines())
    found = module_of(next(command for known, _, command in lines if known == line))
    assert found is not None, "each line runs one module: a test holds it"
    return found[0]


def _supplied(found: Mapping[str, object]) -> dict[str, str]:
    """Variables that a stack in the data folder supplies, for a process beside it."""
    return {PREFIX + name.upper(): str(value) for name, value in found.items()}


def _readiness(name: str) -> dict[str, str]:
    """The process' name, by which it will say that it takes work; what one said before it does not count."""
    called = os.environ.get(PROCESS_NAME_VARIABLE) or name
    if folder := os.environ.get(READY_FOLDER_VARIABLE):
        Path(folder, called).unlink(missing_ok=True)
    return {PROCESS_NAME_VARIABLE: called}
