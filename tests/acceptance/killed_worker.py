"""A worker that kills itself with SIGKILL, once, at the moment that TRUEUP_TEST_KILL names."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

import trueup_worker.intake.receive as receiving
from trueup_worker import tasks
from trueup_worker.celery.app import app
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.pipeline import Pipeline

__all__ = ["app"]

MOMENT = os.environ["TRUEUP_TEST_KILL"]
PIPELINES = ("COMMITS", "USAGE")
_wrote = False


def _die() -> None:
    Path(os.environ["TRUEUP_READY_DIR"], f"killed {MOMENT}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def _noting(persist: Callable[..., Any]) -> Callable[..., Any]:
    def noting(*given: Any) -> Any:
        global _wrote  # noqa: PLW0603 (the hook below has no other way to know)
        decisions = persist(*given)
        _wrote = True
        return decisions

    return noting


def _before_commit(_: Connection) -> None:
    if _wrote:
        _die()


def _after_commit(*_: Any) -> None:
    _die()


def _deadly(read: Callable[[Delivery], Any]) -> Callable[[Delivery], Any]:
    """Reads; a request kills whoever does."""

    def deadly(part: Delivery) -> Any:
        if any(b"poison" in as_bytes(request.text) for request in part.requests):
            _die()
        return read(part)

    return deadly


def _change(change: Callable[[Pipeline[Any]], Pipeline[Any]]) -> None:
    """Changes what both tasks do."""
    for name in PIPELINES:
        setattr(tasks, name, change(getattr(tasks, name)))


def as_bytes(text: str | bytes) -> bytes:
    """Either kind of text."""
    return text.encode() if isinstance(text, str) else text


if MOMENT == "before the commit":
    _change(lambda each: replace(each, persist=_noting(each.persist)))
    event.listen(Engine, "commit", _before_commit)
elif MOMENT == "between commit and ack":
    receiving._remember_and_announce = _after_commit
elif MOMENT == "poison":
    _change(lambda each: replace(each, read=_deadly(each.read)))
