"""Age of a message as it lies on a queue."""

from datetime import datetime

from kombu import compression

from trueup.wire.message.envelope import read_meta
from trueup_worker.celery.compression import bound_decompression
from trueup_worker.celery.element import payload_of
from trueup_worker.celery.form import read_body

bound_decompression()


def sent_at(element: bytes, *, queue: str) -> datetime | None:
    """The time at which an envelope says that it was sent; None of what is no envelope.

    Args:
        element: of the broker's list.
        queue: where it was found.
    """
    try:
        payload = payload_of(element, queue=queue)
        body, name = payload["body"], payload["headers"]["compression"]
        plain = compression.decompress(body, name) if name else body  # type: ignore[no-untyped-call]
        meta, *_ = read_body(plain, content_type=payload["content-type"], encoding=payload["content-encoding"])
        return read_meta(str(meta)).sent_at
    except Exception:  # noqa: BLE001 - whatever is wrong with it, whoever takes it parks it
        return None
