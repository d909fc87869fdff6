"""Redis as a hint: with it full, empty, stale, lying or down every answer is the same."""

from collections.abc import Iterator
from uuid import UUID

import pytest
import redis
from sqlalchemy import Engine, text

from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id
from trueup.redis.uniqueness_cache import UniquenessCache
from trueup_worker.local.servers.server import free_port


@pytest.fixture(autouse=True)
def long_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown here does not depend on how soon Redis answers."""
    monkeypatch.setattr("trueup.redis.uniqueness_cache._TIMEOUT_S", 10.0)


@pytest.fixture
def intake(database: Engine, redis_url: str) -> Intake:
    """An account that receives, with an empty cache."""
    return Intake(database, redis_url=redis_url)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """The cache's server."""
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


def answers(intake: Intake) -> list[tuple[str, str | None]]:
    """What two more requests with a used key, and one with a fresh key, are told."""
    outcomes = intake.receive(
        entry(prepaid(uniqueness_key="used")),
        entry(prepaid(uniqueness_key="used", name="other")),
        entry(prepaid(uniqueness_key=f"fresh {new_id()}")),
    )
    return [(o.outcome, o.existing["id"] if o.existing else None) for o in outcomes]


def expected(first: dict[str, str]) -> list[tuple[str, str | None]]:
    """The right answers."""
    return [("duplicate", first["id"]), ("duplicate", first["id"]), ("created", None)]


@pytest.fixture
def first(intake: Intake) -> dict[str, str]:
    """The request that used the key."""
    request = entry(prepaid(uniqueness_key="used"))
    intake.receive(request)
    return request


@pytest.mark.usefixtures("first")
def test_a_hit_spares_the_insert(intake: Intake) -> None:
    """A known duplicate is answered while nobody can insert a commit."""
    with intake.engine.begin() as other:
        other.execute(text("LOCK TABLE commit IN SHARE MODE"))
        (outcome,) = intake.receive(entry(prepaid(uniqueness_key="used")))
    assert outcome.outcome == "duplicate"


@pytest.mark.usefixtures("first")
def test_entries_expire(client: redis.Redis) -> None:
    """Every entry has an expiry."""
    entries = list(client.scan_iter(b"trueup:key:*"))
    assert len(entries) == 1
    assert 0 < client.ttl(entries[0]) <= 60


def test_empty(intake: Intake, first: dict[str, str], client: redis.Redis) -> None:
    """A flushed cache changes no answer."""
    client.flushall()
    assert answers(intake) == expected(first)


def test_lying(intake: Intake, first: dict[str, str], client: redis.Redis) -> None:
    """An entry that names a commit which Postgres does not have, as after a restore, is not believed."""
    [name] = client.scan_iter(b"trueup:key:*")
    client.set(name, new_id().bytes)
    assert answers(intake) == expected(first)


def test_another_key(intake: Intake, first: dict[str, str], client: redis.Redis) -> None:
    """An entry that names a commit with another key is not believed."""
    other = entry(prepaid(uniqueness_key="other key"))
    intake.receive(other)
    for name in client.scan_iter(b"trueup:key:*"):
        client.set(name, UUID(other["id"]).bytes)
    assert answers(intake) == expected(first)


@pytest.mark.parametrize("garbage", [b"", b"x", b"\x00" * 15, b"\xff" * 17])
def test_garbage(intake: Intake, first: dict[str, str], client: redis.Redis, garbage: bytes) -> None:
    """An entry of another form is ignored."""
    [name] = client.scan_iter(b"trueup:key:*")
    client.set(name, garbage)
    assert answers(intake) == expected(first)


def test_wrong_type(intake: Intake, first: dict[str, str], client: redis.Redis) -> None:
    """Entries of another Redis type are ignored."""
    [name] = client.scan_iter(b"trueup:key:*")
    client.delete(name)
    client.lpush(name, "a list")
    assert answers(intake) == expected(first)


def test_full(intake: Intake, first: dict[str, str], client: redis.Redis) -> None:
    """A Redis without memory changes no answer."""
    client.config_set("maxmemory", "1mb")
    try:
        assert answers(intake) == expected(first)
    finally:
        client.config_set("maxmemory", "0")


def test_down(database: Engine) -> None:
    """Without Redis every answer is the same; it is asked once, then left alone for a while."""
    intake = Intake(database, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    request = entry(prepaid(uniqueness_key="used"))
    intake.receive(request)
    assert answers(intake) == expected(request)
    assert intake.services.cache.failures == 1


def test_half_full(redis_url: str, client: redis.Redis) -> None:
    """On a Redis whose memory is more than half used nothing is written: messages come first."""
    client.config_set("maxmemory", str(int(client.info("memory")["used_memory"] * 1.5)))
    try:
        UniquenessCache(redis_url, ttl_s=60).remember(1, {"k": str(new_id())})
        assert not list(client.scan_iter(b"trueup:key:*"))
    finally:
        client.config_set("maxmemory", "0")


def test_keys_of_accounts_do_not_meet(redis_url: str) -> None:
    """The same key in another account is another entry."""
    cache = UniquenessCache(redis_url, ttl_s=60)
    holder = new_id()
    cache.remember(1, {"k": str(holder)})
    assert (cache.look_up(1, ["k"]), cache.look_up(2, ["k"])) == ({"k": holder}, {})


def test_another_server_altogether(intake: Intake, first: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers something else, before the transaction or after it, changes no answer."""
    for answer in ([[b"one too few"]], [7], [b"used_memory:much\r\n"]):
        monkeypatch.setattr(intake.services.cache, "_paused_until_s", 0.0)
        monkeypatch.setattr(intake.services.cache, "_ask", lambda *_, answer=answer: answer)
        assert answers(intake) == expected(first)
