"""What the tests of invoicing share."""

import pytest
from sqlalchemy import Engine

from tests.integration.book import Book


@pytest.fixture
def book(database: Engine, account: int) -> Book:
    """The empty book of an account that lives in real time."""
    return Book(database, account)
