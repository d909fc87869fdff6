"""Odd messages, drawn from a good one. Whoever gives the randomness decides: a seed, or hypothesis."""

import bz2
import json
import lzma
import zlib
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from tests.messages import Message, read_body, zstd
from trueup.wire.message.names import ATTEMPT_HEADER, SIGNATURE_HEADER, TASK_CREATE, TASK_RECORD

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "application/zstd": lambda text: zstd.compress(text, 1),
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lambda text: lzma.compress(text, preset=0),
}
TASKS = (TASK_CREATE, TASK_RECORD, "celery.chain", "celery.group", "celery.chord", "celery.map", "commits.destroy", "")
NAMES = (
    *("task", "id", "root_id", "parent_id", "lang", "shadow", "origin", "argsrepr", "kwargsrepr", "meth", "utc"),
    *("eta", "expires", "timelimit", "retries", "group", "group_index", "chord", "chain", "callbacks", "errbacks"),
    *("stamps", "stamped_headers", "ignore_result", "replaced_task_nesting", "taskset", "args", "kwargs", "headers"),
    *("hostname", "loglevel", "is_eager", "called_directly", "redelivered", "reply_to", "correlation_id", "priority"),
    *("delivery_tag", "delivery_info", "delivery_mode", "body_encoding", "exchange", "routing_key", "consumer_tag"),
    *("compression", "content-type", "content-encoding", "body", "properties", "__type__", "__value__", "traceparent"),
    *(SIGNATURE_HEADER, ATTEMPT_HEADER, "", "\x00", "\N{SNOWMAN}", "\ud800"),
)
TEXTS = (
    *NAMES,
    *TASKS,
    *COMPRESSIONS,
    *("zlib", "bzip2", "xz", "snappy", "application/json", "application/data", "application/x-python-serialize"),
    *("utf-8", "UTF-8", "utf-16", "binary", "base64", "rot13", "2020-01-01T00:00:00Z", "9999-12-31", "never", "NaN"),
    *(
        "x" * 10_000,
        "\x00" * 300,
        "\udfff\ud800",
        "[" * 5_000,
        "{}",
        "[]",
        "null",
        "v1,a,1,b",
        "\x06\x163",
        "%s%n",
        "../",
    ),
)
NUMBERS = (0, 1, -1, 2**31, -(2**63), 2**64, 10**400, 1.5, -0.0, float("nan"), float("inf"), 1e308)
EMBEDDED = ("callbacks", "errbacks", "chain", "chord", "group")
_TREE = ((), ("headers",), ("properties",), ("properties", "delivery_info"))


def odd_element(rng: Random, good: Message) -> bytes:
    """What is put on the list: mostly something that was a message, and is odd in one or a few places."""
    message, way = deepcopy(good), rng.randrange(20)
    if way == 0:
        return rng.randbytes(rng.randrange(200))
    if way == 1:
        return _text(_value(rng))
    if way in {2, 3, 4}:
        return _torn(rng, _text(message))
    if way in {5, 6, 7}:
        _change_body(rng, message)
    elif way in {8, 9, 10}:
        _change_compression(rng, message)
    for _ in range(rng.randrange(1 if way > 10 else 0, 4)):
        _change(rng, message, rng.choice(_TREE))
    return _text(message)


def _value(rng: Random, depth: int = 0) -> Any:
    kind = rng.randrange(7 if depth < 4 else 5)
    if kind < 2:
        return rng.choice(TEXTS)
    if kind == 2:
        return rng.choice(NUMBERS)
    if kind < 5:
        return rng.choice((None, True, False, [], {}))
    if kind == 5:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(NAMES): _value(rng, depth + 1) for _ in range(rng.randrange(4))}


def _change(rng: Random, message: Message, place: tuple[str, ...]) -> None:
    """Adds, replaces or removes a member of one part of the message."""
    part: Any = message
    for name in place:
        part = part.get(name) if isinstance(part, dict) else None
    if not isinstance(part, dict):
        return
    name = rng.choice(sorted(part) or NAMES) if rng.randrange(2) else rng.choice(NAMES)
    if rng.randrange(5):
        part[name] = _value(rng)
    else:
        part.pop(name, None)


def _change_body(rng: Random, message: Message) -> None:
    """Changes what Celery would do beside the task, or what the task gets."""
    body = read_body(message)
    match rng.randrange(6):
        case 0 | 1:
            body[2] = {
                name: _value(rng) for name in rng.sample(("callbacks", "errbacks", "chain", "chord", "group"), 2)
            }
        case 2:
            body[rng.randrange(3)] = _value(rng)
        case 3:
            body[0][rng.randrange(2)] = _value(rng)
        case 4:
            body = _value(rng)
        case 5:
            body = {"task": TASK_CREATE, "id": "1", "args": body[0], "kwargs": {}, "callbacks": [_value(rng)]}
    message["body"] = b64encode(zstd.compress(_text(body), 1)).decode()


def _change_compression(rng: Random, message: Message) -> None:
    """Compresses otherwise, says something else than it does, cuts it short, or folds far too much into it."""
    text = _text(read_body(message))
    if rng.randrange(4) == 0:
        text = b'[["' + b"0" * rng.choice((1_000_000, 5_000_000, 20_000_000))
    name, told = rng.choice(sorted(COMPRESSIONS)), rng.choice(sorted(COMPRESSIONS))
    body = COMPRESSIONS[name](text)
    if rng.randrange(4) == 0:
        body = _torn(rng, body)
    message["headers"]["compression"] = told if rng.randrange(4) == 0 else name
    message["body"] = b64encode(body).decode()


def _torn(rng: Random, text: bytes) -> bytes:
    """Bytes cut, doubled or replaced somewhere."""
    at = rng.randrange(len(text))
    match rng.randrange(4):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + text[at + rng.randrange(1, 20) :]
        case 2:
            return text[:at] + rng.randbytes(rng.randrange(1, 5)) + text[at + 1 :]
        case _:
            return text[:at] + text[: rng.randrange(1, 100)] + text[at:]


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()
