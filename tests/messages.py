"""Whole messages as they lie on the queue, taken apart so that one thing or another can be changed about them."""

import json
import lzma
import sys
import zlib
from base64 import b64decode, b64encode
from bz2 import BZ2Compressor
from collections.abc import Callable, Iterator
from typing import Any

from tests.integration.intake import entry
from tests.integration.test_intake import prepaid
from trueup.broker.redis_broker import redis_message
from trueup.clock import utc_now
from trueup.producer.signer import Signer
from trueup.wire.message.names import QUEUE_SINGLE
from trueup.wire.message.packing import write_meta
from trueup.wire.message.queues import task_on

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Message = dict[str, Any]
Change = Callable[[Message], Any]

_ZEROS = b"0" * 1_000_000


def good_message(account: str, token: str, *, queue: str = QUEUE_SINGLE) -> tuple[str, Message]:
    """A request's id, and the message that asks for it: valid and signed."""
    request = entry(prepaid())
    meta, requests = write_meta(account, sent_at=utc_now()), json.dumps([request])
    headers = Signer.of_token(token).headers(meta, requests, at=utc_now(), task=task_on(queue))
    return request["id"], json.loads(redis_message(task_on(queue), [meta, requests], queue=queue, headers=headers))


def body_of(value: Any) -> str:
    """A body as it travels."""
    return b64encode(zstd.compress(json.dumps(value).encode())).decode()


def read_body(message: Message) -> Any:
    """What a message's body says."""
    return json.loads(zstd.decompress(b64decode(message["body"])))


def bombs(*, megabytes: int) -> Iterator[tuple[str, bytes]]:
    """Of each compression, what becomes so much, or a tenth of it where that takes long: its name, and the body."""
    for name, compressor, share in (
        ("application/zstd", zstd.ZstdCompressor(1), 1),
        ("application/x-gzip", zlib.compressobj(1), 1),
        ("application/x-bz2", BZ2Compressor(1), 10),
        ("application/x-lzma", lzma.LZMACompressor(preset=0), 10),
    ):
        parts = [compressor.compress(b'[["')]
        parts += [compressor.compress(_ZEROS) for _ in range(megabytes // share)]
        yield name, b"".join([*parts, compressor.flush()])


def bomb(message: Message, compression: str, body: bytes) -> Message:
    """A message with such a body."""
    message["headers"]["compression"] = compression
    message["body"] = b64encode(body).decode()
    return message
