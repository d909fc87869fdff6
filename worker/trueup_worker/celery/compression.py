"""Decompression that stops: a few kilobytes may stand for gigabytes.

Of every compression that kombu knows, the decoder is replaced in kombu itself, so that no transport goes around it. A
body is one stream, and nothing follows it.
"""

import sys
import zlib
from bz2 import BZ2Decompressor
from collections.abc import Callable
from lzma import LZMADecompressor
from typing import Any, Protocol

from kombu import compression

from trueup.limits import DECOMPRESSION_WINDOW_LOG2_MAX, MESSAGE_BYTES_MAX, UNAUTHENTICATED_BYTES_MAX
from trueup_worker.celery.refusal import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WINDOW = {int(zstd.DecompressionParameter.window_log_max): DECOMPRESSION_WINDOW_LOG2_MAX}
_MEMORY = 2 << DECOMPRESSION_WINDOW_LOG2_MAX  # xz counts what surrounds its window too


class _Stream(Protocol):
    """Protocol of the standard library's decompressors."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_STREAMS: dict[str, Callable[[], _Stream]] = {
    "application/zstd": lambda: zstd.ZstdDecompressor(options=_WINDOW),
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": BZ2Decompressor,
    "application/x-lzma": lambda: LZMADecompressor(memlimit=_MEMORY),
}


def bound_decompression() -> None:
    """Make it so for all messages of this process."""
    for content_type in compression.encoders():  # type: ignore[no-untyped-call]
        encoder, _ = compression.get_encoder(content_type)  # type: ignore[no-untyped-call]
        compression.register(encoder, _decoder(content_type), content_type)  # type: ignore[no-untyped-call]


def _decoder(content_type: str) -> Callable[[bytes], bytes]:
    stream = _STREAMS.get(content_type)
    if stream is None:
        return _refuse
    return lambda body: _decompress(stream(), body)


def _decompress(stream: _Stream, body: bytes) -> bytes:
    """The whole of a stream.

    Raises:
        Refused: there is more of it than a message may hold, or it is cut short, or something follows it.
    """
    text = stream.decompress(body, MESSAGE_BYTES_MAX + 1)
    if len(text) > MESSAGE_BYTES_MAX:
        told = f"{len(body)} bytes become more than the {MESSAGE_BYTES_MAX} that a message may hold"
        raise Refused("too_large", told, beginning=text[:UNAUTHENTICATED_BYTES_MAX])
    if not stream.eof or stream.unused_data:
        raise Refused("undecodable", "the compressed body is cut short, or something follows it")
    return text


def _refuse(_: Any) -> bytes:
    raise Refused("undecodable", "a compression that Trueup does not know: " + ", ".join(_STREAMS))
