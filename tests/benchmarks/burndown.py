"""How fast a month is burnt down: the engine, and the line-by-line reference on the same lines."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.domain.burndown.engine import burn_down
from tests import reference_burndown
from tests.benchmarks.burndown_workload import BALANCES, HOURS, Month, make_month

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class BurnDownRun:
    """What was measured.

    Attributes:
        lines: of the large month, which the engine got line by line, made on the way.
        receipts: that they left.
        engine_s: seconds of CPU for the large month; `making_s` of them went into making its lines.
        compared_lines: of the small month, which engine and reference got as a list.
        peak_small_mb, peak_large_mb: memory of the engine at its highest, for the small month and the large one.
    """

    lines: int
    receipts: int
    engine_s: float
    making_s: float
    compared_lines: int
    compared_engine_s: float
    compared_reference_s: float
    peak_small_mb: float
    peak_large_mb: float

    @property
    def ratio(self) -> float:
        """How many times as fast as the reference the engine is, on the same lines."""
        return self.compared_reference_s / self.compared_engine_s

    def rows(self) -> list[tuple[str, ...]]:
        """For the report: way, lines, seconds, lines per second."""
        own_s = self.engine_s - self.making_s
        return [
            _row("line-by-line reference", self.compared_lines, self.compared_reference_s),
            _row("engine, the same lines", self.compared_lines, self.compared_engine_s),
            _row("engine, a large month", self.lines, own_s),
        ]


def measure_burndown(*, seed: int, lines: int = 1_000_000, compared_lines: int = 50_000) -> BurnDownRun:
    """Burns down a large month with 50 balances, and a small one of the same make by the engine and the reference.

    The small one has as many lines an hour, in fewer hours.
    """
    large = make_month(seed=seed, lines=lines)
    small = make_month(seed=seed, lines=compared_lines, hours=HOURS * compared_lines // lines)
    listed = list(small.lines())
    compared_engine_s, _ = _timed(lambda: sum(1 for _ in burn_down(listed, small.balances, small.catalog)))
    compared_reference_s, _ = _timed(lambda: reference_burndown.burn_down(listed, small.balances, small.catalog))
    making_s, _ = _timed(lambda: sum(1 for _ in large.lines()))
    engine_s, receipts = _timed(lambda: _receipts(large))
    return BurnDownRun(
        lines=lines,
        receipts=receipts,
        engine_s=engine_s,
        making_s=making_s,
        compared_lines=compared_lines,
        compared_engine_s=compared_engine_s,
        compared_reference_s=compared_reference_s,
        peak_small_mb=_peak_mb(small),
        peak_large_mb=_peak_mb(large),
    )


def _receipts(month: Month) -> int:
    return sum(1 for _ in burn_down(month.lines(), month.balances, month.catalog))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began_s = time.process_time()
    result = work()
    return time.process_time() - began_s, result


def _peak_mb(month: Month) -> float:
    tracemalloc.start()
    try:
        _receipts(month)
        return tracemalloc.get_traced_memory()[1] / _MEGABYTE
    finally:
        tracemalloc.stop()


def _row(way: str, lines: int, seconds: float) -> tuple[str, ...]:
    return way, f"{lines:,}", f"{seconds:.2f}", f"{lines / seconds:,.0f}"


def main() -> None:
    """Prints what was measured."""
    run = measure_burndown(seed=20_261_122)
    for row in run.rows():
        sys.stdout.write(" | ".join(row) + "\n")
    sys.stdout.write(
        f"{run.ratio:.1f} x the reference, {BALANCES} balances, {run.receipts:,} receipts; "
        f"peak {run.peak_small_mb:.1f} MB for {run.compared_lines:,} lines, "
        f"{run.peak_large_mb:.1f} MB for {run.lines:,}\n"
    )


if __name__ == "__main__":
    main()
