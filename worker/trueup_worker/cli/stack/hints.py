"""Hints at the next commands, as they must be typed here."""

import json
import os
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any

from trueup_worker.cli.stack.project import project_file
from trueup_worker.cli.terminal.options import DEFAULT_DATA
from trueup_worker.cli.terminal.output import say
from trueup_worker.local.folder import DataFolder

_CREATE = "/v1/contracts/customerCommits/create"
_EXAMPLE = "deploy/examples/request.json"
_SHORT = ("customer_id", "product_id", "priority", "access_schedule")
_STEPS = {
    "demo": "the sample (once more: nothing new)",
    "commits list": "commits and what is left of them",
    "invoices list": "invoices, then drafts",
    "reconcile": "the proof that everything agrees",
    "doctor": "is everything well?",
    "--help": "all the rest",
}


def as_typed(folder: DataFolder, command: str) -> str:
    """The command line that runs a command on this data folder, from the working folder and as the user called us."""
    chosen = [] if folder.path == Path(DEFAULT_DATA).absolute() else ["--data", str(folder.path)]
    return f"{_program()} {' '.join([command, *map(shlex.quote, chosen)])}"


def say_next_steps(folder: DataFolder) -> None:
    """Tell what to try."""
    lines = {as_typed(folder, command): why for command, why in _STEPS.items()}
    width = max(map(len, lines))
    say("\n".join(["try next:", *(f"  {line:<{width}}   {why}" for line, why in lines.items())]))


def say_gateway(folder: DataFolder, url: str, account: str) -> None:
    """Tell where the gateway is, and how to create a commit there: lines that work from here, and tell no secret."""
    file = os.path.relpath(folder.token_file(account))
    curl, sdk_body = _example(), _example()
    python = shlex.quote(os.path.relpath(sys.executable))
    first = "" if find_spec("metronome") else f" (first: {python} -m pip install metronome-sdk)"
    named = ", ".join(f"{name}={value!r}" for name, value in sdk_body.items())
    sdk = f"Metronome(base_url={url!r}, bearer_token=open({file!r}).read().strip())"
    say(
        "\n".join(
            [
                f"the gateway answers at {url}; its pages are at {url}/docs",
                f"the token of account {account} is in {file}",
                "create a commit of the sample's catalog with curl:",
                f'  curl -sS {url}{_CREATE} -H "authorization: Bearer $(cat {shlex.quote(file)})" \\',
                f"    -H 'content-type: application/json' -d {shlex.quote(json.dumps(curl))}",
                f"or with Metronome's SDK{first}:",
                f"  {python} - <<'END'",
                "from metronome import Metronome",
                f"made = {sdk}.v1.customers.commits.create({named})",
                "print(made.data.id)",
                "END",
            ]
        )
    )


def _example() -> dict[str, Any]:
    """A request of the sample's catalog, with a key of its own: sent once more, it makes no second commit."""
    whole: dict[str, Any] = json.loads(project_file(_EXAMPLE).read_text(encoding="utf-8"))
    return {name: whole[name] for name in _SHORT} | {"type": "PREPAID", "uniqueness_key": f"try-{token_hex(4)}"}


def _program() -> str:
    called = Path(sys.argv[0])
    found = shutil.which("trueup")
    if called.name != "trueup" or (found and Path(found).resolve() == called.resolve()):
        return "trueup"
    return shlex.quote(os.path.relpath(called))
