"""The database that a producer is given, before anything is asked of it."""

import pytest

from trueup.producer.database import Database
from trueup.producer.errors import BadDatabaseUrl


@pytest.mark.parametrize("url", ["secret", "postgresql://me:secret@here:port/x", "mysql://me:secret@here/x"])
def test_a_url_that_is_none(url: str) -> None:
    """It is refused at once, with the form that it should have, and without what may be secret in it."""
    with pytest.raises(BadDatabaseUrl, match="postgresql://user:password@host:port/database") as refused:
        Database(url, account="default")
    assert "secret" not in str(refused.value)
