"""Files of the project that the command needs: found beside the code, in a checkout."""

from pathlib import Path

from worker.cli.exits import CommandError

_ROOT = Path(__file__).resolve().parents[2]


def project_file(path: str) -> Path:
    """A file of the project, by its path from the root.

    Raises:
        CommandError: this installation has no such file.
    """
    file = _ROOT / path
    if not file.is_file():
        raise CommandError(f"{file} does not exist: run this from a checkout of the project")
    return file
