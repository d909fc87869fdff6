"""No message stops a worker: whatever is odd about it, it is parked or decided, and so is what comes after it."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import kombu
import pytest
import redis
from celery import Celery

from tests.acceptance.processes import Fleet, Process
from tests.acceptance.watch import Watch
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from tests.messages import Change, body_of, bomb, bombs, read_body
from trueup.clock import utc_now
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_SINGLE, QUEUES, TASK_CREATE
from trueup.wire.message.packing import write_meta

RSS_MB_MAX = 300


@pytest.fixture(scope="module")
def worker(module_fleet: Fleet) -> Process:
    """The one worker of this module: nothing here may end it."""
    return module_fleet.worker(",".join(QUEUES))


@pytest.fixture
def watch(worker: Process, account: Intake, module_fleet: Fleet) -> Iterator[Watch]:
    """That worker, watched."""
    with redis.Redis.from_url(module_fleet.redis_url) as broker:
        yield Watch(worker, account, broker)


def put(part: str, **members: Any) -> Change:
    """Sets members of a part of the message."""
    return lambda message: message[part].update(members)


def drop(part: str, member: str) -> Change:
    """Removes a member of a part of the message."""
    return lambda message: message[part].pop(member)


def embed(value: Any) -> Change:
    """Replaces what the body says besides the arguments."""
    return lambda message: message.update(body=body_of([read_body(message)[0], {}, value]))


def whole(**members: Any) -> Change:
    """Sets members of the message itself."""
    return lambda message: message.update({name.replace("_", "-"): value for name, value in members.items()})


A_TASK = {"task": TASK_CREATE, "args": [], "kwargs": {}, "options": {}}
CHANGES: dict[str, list[Change]] = {
    "headers": [
        *(put("headers", id=value) for value in ({"an": "object"}, None, 5, "", "x" * 100_000)),
        *(put("headers", task=value) for value in ([TASK_CREATE], None, {})),
        *(put("headers", **{name: {}}) for name in ("root_id", "parent_id", "shadow", "argsrepr", "lang")),
        *(put("headers", **{name: [A_TASK]}) for name in ("group", "chain", "chord", "callbacks", "errbacks")),
        *(put("headers", compression=value) for value in (["zstd"], "snappy", "gzip")),
        *(put("headers", task=name) for name in ("celery.chain", "celery.chord_unlock", "celery.map")),
        put("headers", retries="many"),
        put("headers", **{"trueup-signature": {"v1": 1}}),
        drop("headers", "id"),
        drop("headers", "task"),
    ],
    "embeds": [
        *(embed({name: [A_TASK]}) for name in ("callbacks", "errbacks", "chain", "chord", "group")),
        *(embed({name: []}) for name in ("args", "hostname", "headers", "delivery_info")),
        *(embed(value) for value in ([1], "chain", 7)),
    ],
    "elements": [
        *(whole(body=value) for value in (None, 7, {"a": 1}, "", "=no base64=", body_of([1, 2]), body_of(None))),
        whole(body=body_of({"args": [], "kwargs": {}, "task": TASK_CREATE})),
        *(whole(headers=value) for value in (None, [], 7)),
        *(whole(properties=value) for value in (None, [], {})),
        *(whole(content_type=value) for value in (5, None, "application/x-python-serialize")),
        *(whole(content_encoding=value) for value in ({}, "utf-16")),
        *(put("properties", delivery_info=value) for value in ("x", {}, None)),
        *(put("properties", body_encoding=value) for value in ("rot13", 7)),
        *(put("properties", **{name: {}}) for name in ("delivery_tag", "reply_to", "correlation_id", "priority")),
        *(drop("properties", name) for name in ("delivery_tag", "delivery_info")),
        lambda message: message.pop("body"),
    ],
}
NO_MESSAGES = (
    b"",
    b"not json",
    b"\xff\xfe\x00",
    *(b"null", b"7", b"[]", b'"text"', b"{}"),
    b'{"body": "", "headers": {}, "properties": {}}',
    b'{"\\ud800": 1}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("part", CHANGES)
def test_a_signed_message_with_one_odd_thing(watch: Watch, part: str) -> None:
    """Whoever signed it: a wrong form of anything, or work for Celery besides the task, parks the message."""
    watch.send(*(watch.message(change) for change in CHANGES[part]))
    assert watch.parked() == len(CHANGES[part])


def test_elements_that_are_no_messages(watch: Watch) -> None:
    """What lies on the list and is no message is parked, whatever it is."""
    watch.send(*NO_MESSAGES)
    assert watch.parked() == len(NO_MESSAGES)


@pytest.mark.parametrize("queue", QUEUES)
def test_on_every_queue(watch: Watch, queue: str) -> None:
    """No queue is different, and no task: not the one that is sent an account's number either."""
    wrong = (["no number", queue], [f"{queue} {2**31}"])
    watch.send(
        watch.message(put("headers", id={"queue": queue})),
        *(watch.message(put("headers", task="invoices.issue"), whole(body=body_of([args, {}, {}]))) for args in wrong),
        f"no message on {queue}".encode(),
        queue=queue,
    )
    assert sorted(watch.latest(4)) == ["rejected", "undecodable", "wrong_arity", "wrong_arity"]


def test_what_send_task_sends(watch: Watch, module_fleet: Fleet) -> None:
    """Celery's own messages are decided: nulls and all, under any of its compressions; time limits mean nothing."""
    celery, sent = Celery("a foreign producer", set_as_current=False), []
    meta = write_meta(watch.account.account, sent_at=utc_now())
    with kombu.Connection(module_fleet.redis_url) as connection:
        for options in (
            {},
            *({"compression": name} for name in ("zlib", "bzip2", "xz", "zstd")),
            {"expires": -60},
            {"countdown": 86_400},
            {"time_limit": 1, "soft_time_limit": 1},
            {"priority": 9, "shadow": "another name", "retries": 3, "reply_to": "me"},
        ):
            request = entry(prepaid())
            requests = json.dumps([request])
            headers = Signer.of_token(watch.account.token).headers(meta, requests, at=utc_now())
            celery.send_task(
                TASK_CREATE, (meta, requests), queue=QUEUE_SINGLE, headers=headers, connection=connection, **options
            )
            sent.append(request["id"])
    watch.wait_for_created(sent)


def test_an_expired_request_is_decided(watch: Watch) -> None:
    """A signed request that is too late for Celery, or too early, or says so in no form at all, has its outcome."""
    sent = []
    for name in ("expires", "eta", "timelimit"):
        for value in ("2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00Z", "never", 5, {}, [None, None]):
            request_id, message = watch.good()
            message["headers"][name] = value
            watch.put(message)
            sent.append(request_id)
    watch.wait_for_created(sent)


def test_decompression_bombs(watch: Watch) -> None:
    """A few bytes that become hundreds of megabytes are parked by their beginning, and the worker stays small."""
    watch.send(*(bomb(watch.message(), name, body) for name, body in bombs(megabytes=400)))
    assert watch.latest(4) == ["too_large"] * 4
    [(kept,)] = watch.account.rows(
        "SELECT max(length(requests)) FROM parked WHERE account_id IS NULL AND reason = 'too_large'"
    )
    assert 32 * 1024 < kept <= 64 * 1024
    assert watch.peak_mb() < RSS_MB_MAX


def test_as_much_as_the_broker_takes(watch: Watch) -> None:
    """Of what costs most to take apart, too: the worker stays small."""
    size = 5_500_000
    lists: Any = [[]] * (size // 4)
    watch.send(
        watch.message(put("headers", unknown=lists)),
        watch.message(put("headers", stamps={str(number): [] for number in range(size // 16)})),
        watch.message(put("headers", argsrepr="x" * size)),
        watch.message(put("headers", stamped_headers=[""] * (size // 4))),
        watch.message(whole(body=body_of([lists[: size // 8], {}, {}]))),
        watch.message(whole(body=body_of([[1.5] * (size // 8), {}, {}]))),
        watch.message(embed({"chain": lists[: size // 8]})),
        watch.message(whole(body="A" * size)),
        b"[" * size,
        watch.message(whole(body="A" * (size + 2_000_000))),
    )
    assert watch.latest(1) == ["too_large"]
    assert watch.peak_mb() < RSS_MB_MAX


def test_many_large_ones(watch: Watch) -> None:
    """Refused by the hundred, by us or by the task, they leave nothing behind: the worker stays small."""
    text = "x" * 3_900_000
    torn = whole(body=body_of([[text, text[:1_000]], {}, {}, text[:100]]))
    cut = whole(body=body_of(text)[:-8] + body_of(text)[-4:])
    unsigned = whole(body=body_of([[text, "[]"], {}, {}]))
    watch.send(*(watch.message(change) for change in (torn, cut, unsigned) for _ in range(50)))
    assert watch.peak_mb() < RSS_MB_MAX


def test_a_full_broker_takes_nothing_out_of_our_hands(watch: Watch) -> None:
    """What a worker has taken, and the broker has no room to hold for it, is decided all the same."""
    sent = []
    watch.worker.send_signal(signal.SIGSTOP)
    for _ in range(3):
        request_id, message = watch.good()
        watch.put(message)
        sent.append(request_id)
    watch.broker.config_set("maxmemory", 1)
    try:
        watch.worker.send_signal(signal.SIGCONT)
        watch.wait_for_created(sent)
    finally:
        watch.broker.config_set("maxmemory", 0)
