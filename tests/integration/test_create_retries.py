"""Which try a client's own retry claims: the youngest that nobody has claimed, those without an answer first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id_text
from trueup.limits import RETRY_MINUTES_MAX
from trueup.store.requests.create_tries import claim_try, lose_try, note_tries
from trueup_worker.scheduling.tidy import tidy

DIGEST, OTHER = b"d" * 32, b"o" * 32


@pytest.fixture
def account(common_database: Engine) -> Intake:
    """An account of its own."""
    return Intake(common_database, new_id_text())


def asked(account: Intake, unit: Callable[["psycopg.AsyncCursor[Any]"], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a unit on a connection as a gateway has it."""
    url = account.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def ask() -> Any:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            return await unit(connection.cursor())

    return asyncio.run(ask())


def tried(account: Intake, *ids: str, digest: bytes = DIGEST, decided: bool = True) -> None:
    """First tries, one after the other, that have their commits unless they are not decided."""
    for each in ids:
        asked(account, lambda cursor, i=each: note_tries(cursor, account.account_id, digests=[digest], request_ids=[i]))
        if decided:
            account.receive(entry(prepaid(), request_id=each))


def retried(account: Intake, *, retries: int = 1, digest: bytes = DIGEST, new_id: str = "") -> str:
    """Which request a retry sends."""
    given = {"retries": retries, "new_id": new_id or new_id_text(), "minutes": RETRY_MINUTES_MAX}
    return asked(account, lambda cursor: claim_try(cursor, account.account_id, digest, **given))


def test_each_is_claimed_once(account: Intake) -> None:
    """Youngest first; who finds none makes a request of its own, which the next retry finds."""
    first, second, own = (new_id_text() for _ in range(3))
    tried(account, first, second)
    tried(account, new_id_text(), digest=OTHER)
    assert [retried(account), retried(account), retried(account, new_id=own)] == [second, first, own]
    assert retried(account, retries=2) in {first, second, own}


def test_a_retry_of_a_retry(account: Intake) -> None:
    """It sends the request of the first try, however often that was sent."""
    first = new_id_text()
    tried(account, first)
    assert [retried(account, retries=count) for count in range(1, 5)] == [first] * 4


def test_a_first_try_is_not_taken_for_a_retry_of_another(account: Intake) -> None:
    """What has been sent as often as the retry, or oftener, cannot be its first try."""
    first, other, own = (new_id_text() for _ in range(3))
    tried(account, first)
    assert retried(account, retries=1) == first
    tried(account, other)
    assert retried(account, retries=1) == other
    assert retried(account, retries=1, new_id=own) == own


@pytest.mark.parametrize("how", ["undecided", "refused", "lost"])
def test_without_an_answer_first(account: Intake, how: str) -> None:
    """A try that has no outcome, or whose client hung up, is claimed before a younger one; a refusal is an answer."""
    old, young = new_id_text(), new_id_text()
    tried(account, old, decided=False)
    tried(account, young)
    if how == "refused":
        account.receive(entry({}, request_id=old))
    elif how == "lost":
        account.receive(entry(prepaid(), request_id=old))
        lost = {"request_id": old, "retries": 0}
        asked(account, lambda cursor: lose_try(cursor, account.account_id, DIGEST, **lost))
    assert retried(account) == (young if how == "refused" else old)


def test_at_once(account: Intake) -> None:
    """Ten retries of five tries: each try is claimed once, and five make requests of their own."""
    ids = [new_id_text() for _ in range(5)]
    tried(account, *ids)
    url = account.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def claim() -> str:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            given = {"retries": 1, "new_id": new_id_text(), "minutes": RETRY_MINUTES_MAX}
            return await claim_try(connection.cursor(), account.account_id, DIGEST, **given)

    async def all_claims() -> list[str]:
        return await asyncio.gather(*(claim() for _ in range(10)))

    claimed = asyncio.run(all_claims())
    assert len(set(claimed)) == 10
    assert set(ids) <= set(claimed)


def test_noted_twice(account: Intake) -> None:
    """A note whose own answer was lost is made once more, and counts once."""
    first, own = new_id_text(), new_id_text()
    tried(account, first)
    tried(account, first, decided=False)
    assert [retried(account), retried(account, new_id=own)] == [first, own]


def test_long_ago(account: Intake) -> None:
    """After ten minutes nothing is known of a try, and soon nothing is kept of it."""
    first, own = new_id_text(), new_id_text()
    tried(account, first)
    with by_hand(account.engine) as connection:
        connection.execute(
            text("UPDATE create_try SET tried_at = now() - interval '11 minutes' WHERE account_id = :a"),
            {"a": account.account_id},
        )
    assert retried(account, new_id=own) == own
    tidy(account.engine)
    assert account.rows("SELECT CAST(request_id AS text) FROM create_try WHERE account_id = :a") == [(own,)]
