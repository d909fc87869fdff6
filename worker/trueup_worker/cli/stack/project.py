"""Files of the project that the command needs: a wheel carries copies, a checkout has them."""

from pathlib import Path

from trueup_worker.cli.terminal.exits import CommandError

_PACKAGE = Path(__file__).resolve().parents[2]
_PLACES = (_PACKAGE / "project", _PACKAGE.parents[1])


def project_file(path: str) -> Path:
    """A file of the project, by its path from the root.

    Raises:
        CommandError: this installation has no such file.
    """
    for place in _PLACES:
        if (place / path).is_file():
            return place / path
    raise CommandError(f"{path} is missing: install trueup anew, or run this from a checkout of the project")
