"""Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com), by its own library."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret as a receiver gives it to its library."""
    return "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(delivery_id: UUID, body: bytes, *, signing: Sequence[str], at: datetime) -> dict[str, str]:
    """The three headers of an attempt.

    Args:
        delivery_id: the same at every attempt.
        body: as it is sent.
        signing: secrets, each of which signs: several while they are rotated.
        at: the moment of the attempt; receivers refuse what is older than some minutes.
    """
    text, name = body.decode(), str(delivery_id)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(_signer(each).sign(name, at, text) for each in signing),
    }


@lru_cache(4_096)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
