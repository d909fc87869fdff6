"""A worker that kills itself with SIGKILL, once before and once after each kind of alert is committed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trueup_worker.alerts.balances as judging
import trueup_worker.alerts.timed as telling
from trueup_worker.alerts import turn
from trueup_worker.celery.app import app

__all__ = ["app"]

FOLDER = Path(os.environ["TRUEUP_READY_DIR"])


def _once(moment: str) -> None:
    killed = FOLDER / f"killed {moment}"
    if not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _deadly(step: Callable[..., Any], moment: str, *, before: bool) -> Callable[..., Any]:
    def deadly(*given: Any, **named: Any) -> Any:
        if before:
            _once(moment)
        done = step(*given, **named)
        if not before:
            _once(moment)
        return done

    return deadly


telling.note_judged = _deadly(telling.note_judged, "before time is committed", before=True)
turn.tell_what_fell_due = _deadly(turn.tell_what_fell_due, "after time is committed", before=False)
judging.note_judged = _deadly(judging.note_judged, "before balances are committed", before=True)
turn.judge_customer = _deadly(turn.judge_customer, "after balances are committed", before=False)
