"""A kept connection to Redis: one round trip, whatever happened to it meanwhile."""

import os
import signal
import warnings
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
import redis

from trueup.redis.connection import RedisConnection
from trueup_worker.local.servers.server import free_port


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """Another connection to the same server."""
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def pool(redis_url: str) -> Iterator[redis.ConnectionPool]:
    """Connections to the server."""
    pool = redis.ConnectionPool.from_url(redis_url)
    yield pool
    pool.disconnect()


def test_replies_come_in_the_order_of_the_commands(pool: redis.ConnectionPool) -> None:
    """Several commands, one answer each."""
    line = RedisConnection(pool)
    assert line.ask(("SET", "a", 1), ("GET", "a"), ("MGET", "a", "b")) == [b"OK", b"1", [b"1", None]]


def test_a_refused_command_does_not_keep_the_others_back(pool: redis.ConnectionPool, client: redis.Redis) -> None:
    """The error is raised once all were carried out, and the next replies are the next commands'."""
    line = RedisConnection(pool)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        line.ask(("SET", "a", 1), ("NONSENSE",), ("SET", "b", 2))
    assert client.mget("a", "b") == [b"1", b"2"]
    assert line.ask(("GET", "b")) == [b"2"]


def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    pool: redis.ConnectionPool, client: redis.Redis
) -> None:
    """As a server does that was restarted, or that closes idle connections."""
    line = RedisConnection(pool)
    line.ask(("CLIENT", "SETNAME", "kept"))
    for each in client.client_list():
        if each["name"] == "kept":
            client.client_kill_filter(_id=each["id"])
    assert line.ask(("ECHO", "here")) == [b"here"]


def test_nobody_reads_replies_that_another_left_unread(
    pool: redis.ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is interrupted between two replies takes the connection along."""
    line = RedisConnection(pool)
    line.ask(("SET", "a", "mine"))
    with monkeypatch.context() as patch:
        patch.setattr(line, "_reply", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            line.ask(("ECHO", "left unread"))
    assert line.ask(("GET", "a")) == [b"mine"]


def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    """It is said, not waited for."""
    pool = redis.ConnectionPool.from_url(f"redis://127.0.0.1:{free_port()}", retry=None)
    with pytest.raises(redis.ConnectionError):
        RedisConnection(pool).ask(("PING",))


def test_a_forked_child_takes_a_connection_of_its_own(pool: redis.ConnectionPool) -> None:
    """Whatever the parent had in hand: even its lock."""
    line = RedisConnection(pool)
    [own] = line.ask(("CLIENT", "ID"))
    with warnings.catch_warnings(), line._lock:
        warnings.simplefilter("ignore")  # of threads, which newer Pythons warn of
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)  # so that it does not wait for that lock for ever
            os._exit(line.ask(("CLIENT", "ID")) == [own])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert line.ask(("CLIENT", "ID")) == [own]


def test_a_closed_line_is_opened_again(pool: redis.ConnectionPool) -> None:
    """By the next command."""
    line = RedisConnection(pool)
    [first] = line.ask(("CLIENT", "ID"))
    line.close()
    assert line.ask(("CLIENT", "ID")) > [first]
