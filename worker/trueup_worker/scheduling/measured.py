"""Looks as the metrics tell of them: how long each step takes, how often it fails, and when all was well last."""

import time
from collections.abc import Callable, Mapping

from trueup_worker.observability import metrics
from trueup_worker.scheduling.loop import Steps

Step = Callable[[], int]


def measured(steps: Mapping[str, Step]) -> Step:
    """A look of these steps, by their names, that is measured; it raises as `Steps` does."""
    look = Steps({name: _measured(name, step) for name, step in steps.items()})

    def looked() -> int:
        sent = look()
        metrics.last_look.set_to_current_time()
        return sent

    return looked


def _measured(name: str, step: Step) -> Step:
    seconds, failures = metrics.look.of(name), metrics.look_failures.of(name)

    def taken() -> int:
        began_s = time.perf_counter()
        try:
            return step()
        except Exception:
            failures.inc()
            raise
        finally:
            seconds.observe(time.perf_counter() - began_s)

    return taken
