"""Servers of others, as Debian has them: what this folder's tests run against. `make test-services` installs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunningServices, running_services

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is one of the services' tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def services() -> Iterator[RunningServices]:
    """The oldest Postgres that is supported, beside the embedded Valkey."""
    with running_services(POSTGRES_15) as running:
        yield running
