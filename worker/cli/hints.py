"""What to try next, as it must be typed here."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from worker.cli.options import DEFAULT_DATA
from worker.cli.output import say
from worker.local.folder import DataFolder

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
    """Tells what to try."""
    lines = {as_typed(folder, command): why for command, why in _STEPS.items()}
    width = max(map(len, lines))
    say("\n".join(["try next:", *(f"  {line:<{width}}   {why}" for line, why in lines.items())]))


def _program() -> str:
    called = Path(sys.argv[0])
    found = shutil.which("trueup")
    if called.name != "trueup" or (found and Path(found).resolve() == called.resolve()):
        return "trueup"
    return shlex.quote(os.path.relpath(called))
