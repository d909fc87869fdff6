"""Progress of a delivery through its stages: what metrics and the log tell of it once it is over."""

import time
from dataclasses import dataclass, field
from typing import Literal

from trueup_worker.intake.delivery import Delivery

Stage = Literal["admit", "judge", "persist", "announce"]


@dataclass(slots=True)
class Progress:
    """Progress of one delivery.

    Attributes:
        delivery: once it is admitted.
        seconds: that it spent in each stage.
    """

    delivery: Delivery | None = None
    seconds: dict[Stage, float] = field(default_factory=dict)
    _since_s: float = field(default_factory=time.perf_counter)

    def end(self, stage: Stage) -> None:
        """Count the time since the last stage's end as this stage's."""
        now_s = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s
