"""Signing: what vouches for an envelope."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from trueup.wire.message.names import SIGNATURE_HEADER, TASK_CREATE
from trueup.wire.message.signature import sign, signing_key, split_token


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs messages with the key that a token (or the system) vouches with."""

    key_id: str
    key: bytes

    @classmethod
    def of_token(cls, token: str) -> Self:
        """The signer of a token's holder.

        Raises:
            BadToken: the text is no token.
        """
        key_id, secret = split_token(token)
        return cls(key_id, signing_key(secret))

    def headers(self, meta: str, requests: str, *, at: datetime, task: str = TASK_CREATE) -> dict[str, str]:
        """The message headers that vouch for the task and both arguments."""
        at_s = int(at.timestamp())
        return {
            SIGNATURE_HEADER: sign(task, meta, requests, key_id=self.key_id, key=self.key, at_s=at_s),
        }

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id!r})"
