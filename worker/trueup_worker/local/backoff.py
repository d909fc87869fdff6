"""Backoff before something that died is started again."""

from dataclasses import dataclass

DELAY_SECONDS_MIN = 0.1
DELAY_SECONDS_MAX = 30.0
SETTLED_SECONDS = 10.0  # whoever lived this long is not failing: the next start is quick again


@dataclass(slots=True)
class Backoff:
    """Delay that doubles with every failure in a row, up to a bound. Times are monotonic seconds."""

    failures: int = 0
    started_at: float = 0.0
    due_at: float = 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether the next attempt may begin."""
        return now >= self.due_at

    def started(self, now: float) -> None:
        """An attempt begins."""
        self.started_at = now

    def failed(self, now: float) -> float:
        """The attempt ended; gives the seconds until the next."""
        if now - self.started_at > SETTLED_SECONDS:
            self.failures = 0
        delay_s: float = min(DELAY_SECONDS_MIN * 2**self.failures, DELAY_SECONDS_MAX)
        self.failures += 1
        self.due_at = now + delay_s
        return delay_s
