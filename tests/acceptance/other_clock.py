"""A worker whose host's clock is off by TRUEUP_TEST_CLOCK_S, and that may be killed as `killed_worker`'s."""

import os
import time
from datetime import datetime, timedelta

from kombu.transport import redis

from trueup.clock import utc_now
from trueup_worker import tasks

OFF_S = float(os.environ["TRUEUP_TEST_CLOCK_S"])
_time = time.time


def _shifted_time() -> float:
    return _time() + OFF_S


def _shifted_now() -> datetime:
    return utc_now() + timedelta(seconds=OFF_S)


for module in (time, redis):
    vars(module)["time"] = _shifted_time
vars(tasks)["utc_now"] = _shifted_now

if os.environ.get("TRUEUP_TEST_KILL"):
    from tests.acceptance.killed_worker import app
else:
    from trueup_worker.celery.app import app

__all__ = ["app"]
