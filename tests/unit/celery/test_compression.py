"""Decompression ends at what a message may hold."""

import re

import pytest
from kombu import compression

from trueup.limits import MESSAGE_BYTES_MAX, UNAUTHENTICATED_BYTES_MAX
from trueup_worker.celery.compression import bound_decompression
from trueup_worker.celery.refusal import Refused

NAMES = ("zstd", "zlib", "bzip2", "xz")


@pytest.fixture(autouse=True, scope="module")
def bounded() -> None:
    """As in every worker."""
    bound_decompression()


@pytest.mark.parametrize("name", NAMES)
def test_a_body_of_any_allowed_size(name: str) -> None:
    """Nothing, something, and exactly as much as is allowed come out as they went in."""
    for text in (b"", b"text", b"0" * MESSAGE_BYTES_MAX):
        compressed, content_type = compression.compress(text, name)
        assert compression.decompress(compressed, content_type) == text


@pytest.mark.parametrize("name", NAMES)
def test_a_body_that_is_one_byte_too_large(name: str) -> None:
    """It is refused, with its beginning."""
    compressed, _ = compression.compress(b"0" * (MESSAGE_BYTES_MAX + 1), name)
    with pytest.raises(Refused, match=re.escape(str(MESSAGE_BYTES_MAX))) as refused:
        compression.decompress(compressed, name)
    assert refused.value.reason == "too_large"
    assert refused.value.beginning == b"0" * UNAUTHENTICATED_BYTES_MAX


@pytest.mark.parametrize("name", NAMES)
def test_a_body_cut_short_or_followed_by_something(name: str) -> None:
    """It is one stream, and whole."""
    compressed, _ = compression.compress(b"text" * 1_000, name)
    for odd in (compressed[:-1], compressed + b"more", compressed + compressed):
        with pytest.raises(Refused) as refused:
            compression.decompress(odd, name)
        assert refused.value.reason == "undecodable"


def test_every_compression_of_kombu_is_bounded() -> None:
    """One that kombu knows and Trueup does not is refused as well."""
    compression.register(bytes, bytes, "application/x-novel")
    bound_decompression()
    with pytest.raises(Refused, match="does not know"):
        compression.decompress(b"0" * 100, "application/x-novel")
