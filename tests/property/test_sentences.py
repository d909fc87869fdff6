"""The judge of the property tests is judged: it sees what was planted, and nothing else."""

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import by_hand
from tests.integration.change_book import ChangeBook
from tests.integration.test_reconcile_charged_once import NO_TRIGGERS, PLANTED, a_commit_in_each_state
from tests.property.sentences import broken


class Rows:
    """What is in an account by now, in the eyes of one transaction."""

    def __init__(self, connection: Connection, account_id: int) -> None:
        self._connection, self._account_id = connection, account_id

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What a query finds, with `:account_id` filled in."""
        return list(self._connection.execute(text(statement), {"account_id": self._account_id, **values}))


@pytest.fixture(scope="module")
def book(shared_database: Engine) -> ChangeBook:
    """A commit for each state that a true-up can be in."""
    return a_commit_in_each_state(shared_database)


@pytest.mark.parametrize("name", PLANTED)
def test_the_judge_sees_what_is_planted(book: ChangeBook, name: str) -> None:
    """A sentence is broken after the violation, by the commit that it concerns, and none was before."""
    statements, of, _ = PLANTED[name]
    (commit_id,) = book.rows("SELECT id FROM commit WHERE account_id = :account_id AND name = :name", name=of)
    assert broken(book) == []
    with by_hand(book.engine) as connection, connection.begin_nested() as undone:
        connection.execute(text(NO_TRIGGERS))
        for statement in statements.split(";"):
            connection.execute(text(statement))
        found = broken(Rows(connection, book.account_id))
        undone.rollback()
    assert any(str(commit_id.id) in each for each in found)
