"""Publishing to a real broker, and waiting for outcomes in a real database."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from kombu.compression import decompress
from sqlalchemy import Engine, insert

from tests.integration.in_loop import InLoop
from trueup.ids import new_id
from trueup.producer.client import CommitProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.publish import BrokerUnavailable, Publisher, QueueFull
from trueup.producer.signer import Signer
from trueup.store.tables import outcome
from trueup.wire.message.envelope import QueuedRequest, read_envelope
from trueup.wire.message.names import DONE_CHANNEL, QUEUE_BULK, QUEUE_SINGLE, SIGNATURE_HEADER, TASK_CREATE
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.signature import digests_of, new_token, parse_signature, signing_key, split_token, verify
from trueup_worker.local.servers.valkey import start_valkey

DEADLINE_S = 20
MakeProducer = Callable[..., CommitProducer | InLoop]


@pytest.fixture(params=[CommitProducer, InLoop])
def make_producer(request: pytest.FixtureRequest, redis_url: str) -> MakeProducer:
    """Makes a producer for threads, or one in an event loop, on the broker that `broker` looks into."""
    return partial(request.param, broker_url=redis_url, token=None, account="acme", validate=False)


@pytest.fixture
def broker(redis_url: str) -> Iterator["redis.Redis[Any]"]:
    """The broker's own client, on an empty database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(params=["hints", "no hints"])
def hints(request: pytest.FixtureRequest, redis_url: str) -> str | None:
    """Where workers say that something was decided, or nowhere."""
    return redis_url if request.param == "hints" else None


def url_of(database: Engine) -> str:
    """As a producer takes it."""
    return database.url.render_as_string(hide_password=False)


def one_request() -> Pack:
    """A pack of one."""
    (packed,) = pack([QueuedRequest(str(new_id()), "commit", None, '{"amount": 1.10}')])
    return packed


def messages(broker: "redis.Redis[Any]", queue: str) -> list[dict[str, Any]]:
    """What lies on a queue, oldest first."""
    return [json.loads(each) for each in reversed(broker.lrange(queue, 0, -1))]


def arguments(message: dict[str, Any]) -> tuple[str, str]:
    """Both arguments of a message."""
    (meta, requests), kwargs, _ = json.loads(decompress(b64decode(message["body"]), message["headers"]["compression"]))
    assert kwargs == {}
    return meta, requests


def until(condition: Callable[[], object]) -> None:
    """Waits for a condition."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true in time"
        time.sleep(0.005)


def store_outcome(database: Engine, account_id: int, request_id: UUID) -> None:
    """Plays the worker."""
    with database.begin() as connection:
        connection.execute(insert(outcome).values(account_id=account_id, request_id=request_id, outcome="invalid"))


def test_a_message_is_what_the_worker_expects(redis_url: str, broker: "redis.Redis[Any]") -> None:
    """Celery's protocol 2, both arguments as text, signed, compressed; bulk on a queue of its own."""
    token = new_token()[0]
    packed, batch_id = one_request(), new_id()
    with Publisher(redis_url, account="acme", signer=Signer.of_token(token)) as publisher:
        publisher.send(packed, queue=QUEUE_BULK, batch_id=batch_id)
        assert (publisher.backlog(QUEUE_BULK), publisher.backlog(QUEUE_SINGLE)) == (1, 0)
    (message,) = messages(broker, QUEUE_BULK)
    headers = message["headers"]
    assert (headers["task"], headers["lang"], message["content-type"]) == (TASK_CREATE, "py", "application/json")
    assert (headers["eta"], headers["expires"]) == (None, None)
    envelope = read_envelope(*arguments(message))
    assert (envelope.meta.account, envelope.meta.batch_id) == ("acme", batch_id)
    assert [each.text for each in envelope.requests] == [b'{"amount": 1.10}']
    signature = parse_signature(headers[SIGNATURE_HEADER])
    key = signing_key(split_token(token)[1])
    verify(signature, TASK_CREATE, digests_of(*arguments(message)), key=key, now_s=time.time(), age_max_s=60)


def test_unsigned_messages_carry_no_header(redis_url: str, broker: "redis.Redis[Any]") -> None:
    """For a closed broker, whose workers do not ask."""
    with Publisher(redis_url, account="acme", signer=None) as publisher:
        publisher.send(one_request())
    assert SIGNATURE_HEADER not in messages(broker, QUEUE_SINGLE)[0]["headers"]


def test_a_full_queue_pushes_back(redis_url: str, broker: "redis.Redis[Any]") -> None:
    """It raises, or waits until there is room."""
    with Publisher(redis_url, account="acme", signer=None, queue_limit=2, room_wait_s=0) as impatient:
        impatient.send(one_request())
        impatient.send(one_request())
        with pytest.raises(QueueFull, match="2 envelopes wait on queue 'commits'"):
            impatient.send(one_request())
        impatient.send(one_request(), queue=QUEUE_BULK)
    with Publisher(redis_url, account="acme", signer=None, queue_limit=2) as patient:
        sender = threading.Thread(target=patient.send, args=[one_request()])
        sender.start()
        broker.rpop(QUEUE_SINGLE)
        sender.join(DEADLINE_S)
        assert not sender.is_alive()
    assert broker.llen(QUEUE_SINGLE) == 2


def test_a_broker_that_restarts_is_found_again(tmp_path: Path) -> None:
    """The lost connection is retried while the broker is away; a publisher that gave up works again later."""
    server = start_valkey(tmp_path / "valkey")
    with Publisher(server.url, account="acme", signer=None, retry_s=DEADLINE_S) as publisher:
        try:
            publisher.send(one_request())
            server.stop()
            with (
                Publisher(server.url, account="acme", signer=None, retry_s=0.2) as hasty,
                pytest.raises(BrokerUnavailable),
            ):
                hasty.send(one_request())
            sender = threading.Thread(target=publisher.send, args=[one_request()])
            sender.start()
            server = start_valkey(tmp_path / "valkey", port=server.port)
            sender.join(DEADLINE_S)
            assert not sender.is_alive()
            assert publisher.backlog(QUEUE_SINGLE) == 2
        finally:
            server.stop()


def test_concurrent_submissions_share_messages(broker: "redis.Redis[Any]", make_producer: MakeProducer) -> None:
    """Each caller gets its own id, every request is sent once, and what came together travels together."""
    with make_producer() as producer, ThreadPoolExecutor(16) as threads:
        ids = list(threads.map(lambda number: producer.submit({"number": number}), range(200)))
    envelopes = [read_envelope(*arguments(message)) for message in messages(broker, QUEUE_SINGLE)]
    sent = [each for envelope in envelopes for each in envelope.requests]
    assert {UUID(each.id): json.loads(each.text)["number"] for each in sent} == dict(zip(ids, range(200), strict=True))
    assert len(sent) == 200
    assert len(envelopes) < 200


def test_many_are_packed_for_bulk(broker: "redis.Redis[Any]", make_producer: MakeProducer) -> None:
    """In as few messages as they fit in, in their order."""
    with make_producer() as producer:
        ids = producer.submit_many(({"number": number} for number in range(1100)), kind="credit")
    envelopes = [read_envelope(*arguments(message)) for message in messages(broker, QUEUE_BULK)]
    assert [len(envelope.requests) for envelope in envelopes] == [500, 500, 100]
    assert [UUID(each.id) for envelope in envelopes for each in envelope.requests] == ids
    assert {each.kind for envelope in envelopes for each in envelope.requests} == {"credit"}


def test_waiting_ends_with_the_last_outcome(
    broker: "redis.Redis[Any]", database: Engine, account: int, make_producer: MakeProducer, hints: str | None
) -> None:
    """Woken by Redis or by polling; the outcomes are the database's."""
    with make_producer(database_url=url_of(database), redis_url=hints) as producer:
        ids = producer.submit_many([{}, {}])
        assert producer.outcome(ids[0]) is None
        assert producer.wait(ids, timeout_s=0) == {}
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(producer.wait, ids, timeout_s=DEADLINE_S)
            for request_id in ids:
                store_outcome(database, account, request_id)
                broker.publish(DONE_CHANNEL.format(account="acme"), str(request_id))
            assert {key: found.outcome for key, found in waiting.result().items()} == dict.fromkeys(ids, "invalid")
    (message,) = messages(broker, QUEUE_BULK)
    assert read_envelope(*arguments(message)).meta.reply is (hints is not None)


def test_what_got_lost_is_sent_again(
    broker: "redis.Redis[Any]", database: Engine, account: int, make_producer: MakeProducer
) -> None:
    """Under the same id, as the same text, and only what has no outcome yet."""
    with make_producer(database_url=url_of(database), keep=False, resend_after_s=0.05) as producer:
        decided, lost = producer.submit({"number": 1}), producer.submit({"number": 2})
        store_outcome(database, account, decided)
        broker.delete(QUEUE_SINGLE)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(producer.wait, [decided, lost], timeout_s=DEADLINE_S)
            until(lambda: broker.llen(QUEUE_BULK))
            store_outcome(database, account, lost)
            assert set(waiting.result()) == {decided, lost}
    for message in messages(broker, QUEUE_BULK):
        (again,) = read_envelope(*arguments(message)).requests
        assert (UUID(again.id), again.text) == (lost, b'{"number":2}')


def test_judged_anew(broker: "redis.Redis[Any]", database: Engine, account: int, make_producer: MakeProducer) -> None:
    """The instant is later than every refusal of before; what is sent again travels under it, beside what has none."""
    with make_producer(database_url=url_of(database), keep=False, resend_after_s=0.05) as producer:
        ids = [new_id() for _ in range(3)]
        store_outcome(database, account, ids[0])
        refused_at = producer.wait(ids[:1], timeout_s=0)[ids[0]].decided_at
        producer.submit({}, id=ids[0], anew=True)
        producer.submit_many([{}], ids=ids[1:2], anew=True)
        producer.submit({}, id=ids[2])
        sent = [each for queue in (QUEUE_SINGLE, QUEUE_BULK) for each in instants(broker, queue)]
        assert [each is None for _, each in sent] == [False, True, False]
        assert all(each > refused_at for _, each in sent if each)
        broker.delete(QUEUE_SINGLE, QUEUE_BULK)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(producer.wait, ids[1:], timeout_s=DEADLINE_S)
            until(lambda: broker.llen(QUEUE_BULK) >= 2)
            for each in ids[1:]:
                store_outcome(database, account, each)
            waiting.result()
        assert set(instants(broker, QUEUE_BULK)) == {each for each in sent if each[0] in map(str, ids[1:])}


def instants(broker: "redis.Redis[Any]", queue: str) -> list[tuple[str, datetime | None]]:
    """The request and the instant of each message, in the order in which they were sent."""
    envelopes = [read_envelope(*arguments(message)) for message in messages(broker, queue)]
    return [(each.requests[0].id, each.meta.anew_before) for each in envelopes]


def test_an_unknown_account_and_a_dead_database_are_told_apart(database_url: str, make_producer: MakeProducer) -> None:
    """Neither message holds a password."""
    for url, said in ((database_url, "has no account 'nobody'"), ("postgresql://u:hunter2@127.0.0.1:1/x", "no answer")):
        with make_producer(account="nobody", database_url=url) as producer:
            with pytest.raises(DatabaseUnavailable, match=said) as refused:
                producer.outcome(new_id())
            assert "hunter2" not in str(refused.value)
