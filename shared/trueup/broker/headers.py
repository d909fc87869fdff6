"""Headers that every message has."""

from trueup.broker.compression import COMPRESSION


def headers_of(task: str, message_id: str) -> dict[str, str | None]:
    """Headers of a call of a task, as Celery's protocol 2 has them."""
    return {
        "lang": "py",
        "task": task,
        "id": message_id,
        "root_id": message_id,
        "eta": None,
        "expires": None,
        "compression": COMPRESSION,
    }
