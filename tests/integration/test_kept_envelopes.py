"""What is kept is found by a request's id, whoever kept it, and read only where the id can be."""

import json
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.integration.intake import Intake
from trueup.ids import new_id, row_id
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.store.requests.repeats import IS_KEPT, is_kept
from trueup.wire.message.packing import span_of

IDS = [new_id() for _ in range(3)]
BATCH = new_id()
ROWS = [row_id(BATCH, row) for row in range(1, 4)]


@pytest.fixture
def account(database: Engine) -> Intake:
    """An account that has kept an envelope of single requests and one of a file, and one that nobody has read."""
    made = Intake(database)
    for ids, is_read in ((IDS[::2], True), (ROWS, True), ([UUID(int=7)], False)):
        keep(made, [str(each) for each in ids], is_read=is_read)
    return made


def keep(account: Intake, ids: list[str], *, is_read: bool) -> None:
    """Keeps an envelope with these requests."""
    requests = json.dumps([{"id": each, "body": {}} for each in ids])
    kept = Kept("{}", requests, "commits", len(ids), span_of(ids) if is_read else None)
    with account.engine.begin() as connection:
        accept(connection, account.account_id, [kept], lease_s=60)


def test_only_what_is_kept_is_found(account: Intake) -> None:
    """Neither an id between those of an envelope nor another account's is taken for one of them."""
    stranger = Intake(account.engine, account="stranger")
    with account.engine.connect() as connection:
        for each in (IDS[0], IDS[2], *ROWS, UUID(int=7)):
            assert is_kept(connection, account.account_id, each)
            assert not is_kept(connection, stranger.account_id, each)
        for each in (IDS[1], new_id(), UUID(int=0), UUID(int=(1 << 128) - 1)):
            assert not is_kept(connection, account.account_id, each)


def test_an_unknown_id_is_looked_up(account: Intake) -> None:
    """However much is kept, no envelope is read for an id that lies outside of it."""
    with account.engine.begin() as connection:
        connection.execute(_MUCH)
        which = {"account_id": account.account_id, "id": new_id(), "quoted": b"?"}
        (plan,) = connection.scalar(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {IS_KEPT}"), which)
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 50


_MUCH = text("""
    INSERT INTO intake (account_id, digest, meta, requests, queue, size, lease_s, due_at, first_id, last_id)
    SELECT account_id, digest || int8send(n), meta, much.text, queue, size, lease_s, due_at, first_id, last_id
      FROM intake, generate_series(1, 100) AS n,
           (SELECT convert_to(string_agg(md5(n::text), ''), 'UTF8') FROM generate_series(1, 1000) AS n) AS much (text)
     WHERE last_id IS NOT NULL
""")
