"""A worker that kills itself with SIGKILL, once, at the moment that TRUEUP_TEST_KILL names."""

import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

import worker.intake.receive as receiving
from shared.wire.envelope import QueuedRequest
from worker.app import app

__all__ = ["app"]

MOMENT = os.environ["TRUEUP_TEST_KILL"]
_insert, _judge_bodies = receiving.persist, receiving.judge_bodies
_wrote_commits = False


def _die() -> None:
    Path(os.environ["TRUEUP_READY_DIR"], f"killed {MOMENT}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _persist(*given: Any) -> Any:
    global _wrote_commits  # noqa: PLW0603 (the hook below has no other way to know)
    decisions = _insert(*given)
    _wrote_commits = True
    return decisions


def _before_commit(_: Connection) -> None:
    if _wrote_commits:
        _die()


def _after_commit(*_: Any) -> None:
    _die()


def _judge(requests: list[QueuedRequest]) -> Any:
    """A request that kills whoever reads it."""
    if any(b"poison" in as_bytes(request.text) for request in requests):
        _die()
    return _judge_bodies(requests)


def as_bytes(text: str | bytes) -> bytes:
    """Either kind of text."""
    return text.encode() if isinstance(text, str) else text


if MOMENT == "before the commit":
    receiving.persist = _persist
    event.listen(Engine, "commit", _before_commit)
elif MOMENT == "between commit and ack":
    receiving._tell = _after_commit
elif MOMENT == "poison":
    receiving.judge_bodies = _judge
