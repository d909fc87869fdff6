"""The Redis side of uniqueness: a hint that spares Postgres the known duplicates.

Invariants:
    * an entry is written only after the transaction that stored its commit;
    * a hit is a claim to be checked against Postgres, never an answer;
    * with Redis full, empty, stale, lying or down every answer is the same, only slower.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
import structlog

from trueup.redis.connection import Command, RedisConnection
from trueup.wire.message.names import DONE_CHANNEL

_PREFIX = b"trueup:key:"
_TIMEOUT_S = 0.25  # nobody waits for a hint
_LIMITS = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
_PAUSE_S = 5.0  # after a failure, Redis is left alone for this long
_MEMORY_CHECK_S = 10.0
_ENTRIES_REMEMBERED = 2_048  # those of an envelope, from the look-up to the note

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """Which of an account's requests have outcomes now: a hint, with ids only."""

    account: str
    ids: Sequence[str]


class UniquenessCache:
    """A memory of which uniqueness keys are used, by which commit. Safe to lose at any time."""

    def __init__(self, url: str | None, *, ttl_s: int) -> None:
        self._connection = RedisConnection.to(url, **_LIMITS) if url else None
        self._ttl_s = ttl_s
        self._paused_until_s = 0.0
        self._memory_checked_s = float("-inf")
        self._has_room = True
        self.failures = 0

    def look_up(self, account_id: int, keys: Sequence[str]) -> dict[str, UUID]:
        """The commits that are said to hold these keys; one round trip."""
        if not keys or not self._usable():
            return {}
        try:
            found: list[bytes | None] = self._ask(("MGET", *[_entry(account_id, key) for key in keys]))[0]
            return {
                key: UUID(bytes=value) for key, value in zip(keys, found, strict=True) if value and len(value) == 16
            }
        except Exception as error:  # noqa: BLE001 - whatever it answered, a hint that cannot be read is none
            return self._failed(error)

    def remember(self, account_id: int, used: Mapping[str, str], *, reply: Reply | None = None) -> None:
        """Note which commits (their ids, as text) hold these keys, and tell whoever waits; one round trip.

        Call it after the commit, never before.
        """
        if not self._usable():
            return
        entries = {_entry(account_id, key): bytes.fromhex(holder.replace("-", "")) for key, holder in used.items()}
        try:
            if entries and not self._room():
                entries = {}
            if entries or reply:
                self._write(entries, reply)
        except Exception as error:  # noqa: BLE001 - the commit is made: nothing that Redis answers may undo the rest
            self._failed(error)

    def _ask(self, *commands: Command) -> list[Any]:
        assert self._connection is not None
        return self._connection.ask(*commands)

    def _usable(self) -> bool:
        return self._connection is not None and time.monotonic() >= self._paused_until_s

    def _failed(self, error: Exception) -> dict[str, UUID]:
        self.failures += 1
        self._paused_until_s = time.monotonic() + _PAUSE_S
        log.warning("uniqueness cache is unavailable", action="dedupe_failed", failures=self.failures, error=str(error))
        return {}

    def _room(self) -> bool:
        """Tell whether memory use is below half: on a Redis that is also the broker, messages come first."""
        if time.monotonic() - self._memory_checked_s > _MEMORY_CHECK_S:
            used, limit = _memory(self._ask(("INFO", "memory"))[0])
            self._has_room = limit == 0 or used < limit / 2
            self._memory_checked_s = time.monotonic()
        return self._has_room

    def _write(self, entries: Mapping[bytes, bytes], reply: Reply | None) -> None:
        told = [("PUBLISH", DONE_CHANNEL.format(account=reply.account), ",".join(reply.ids))] if reply else []
        flat = [part for entry in entries.items() for part in entry]
        kept = [("MSETEX", len(entries), *flat, "EX", self._ttl_s)] if entries else []
        try:
            self._ask(*told, *kept)
        except redis.ResponseError:  # Redis before 8.4, Valkey before 9.1
            self._ask(*[("SET", key, value, "EX", self._ttl_s) for key, value in entries.items()])


def _memory(info: bytes) -> tuple[int, int]:
    """Read the bytes used, and the limit (0: none), out of what Redis says of its memory."""
    told = dict(line.split(b":", 1) for line in info.split() if b":" in line)
    return int(told[b"used_memory"]), int(told.get(b"maxmemory", 0))


@lru_cache(_ENTRIES_REMEMBERED)
def _entry(account_id: int, key: str) -> bytes:
    return _PREFIX + hashlib.blake2b(f"{account_id}\n{key}".encode(), digest_size=16).digest()
