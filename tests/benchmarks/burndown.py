"""How fast a month is burnt down: the engine, and the line-by-line reference on the same lines."""

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TypeVar

from tests import reference_burndown
from tests.benchmarks.burndown_workload import BALANCES, HOURS, Month, make_month
from trueup.domain.burndown.engine import burn_down
from trueup.domain.burndown.values import UsageLine

T = TypeVar("T")

_MEGABYTE = 1_000_000
_LOT = 1_000


@dataclass(frozen=True, slots=True)
class BurnDownRun:
    """What was measured.

    Attributes:
        lines: of the large month, which the engine got line by line, made on the way.
        receipts: that they left.
        engine_s: seconds of CPU that the engine needed for the large month, without making its lines.
        compared_lines: of the small month, which engine and reference got as a list.
        peak_small_mb, peak_large_mb: memory of the engine at its highest, for the small month and the large one.
    """

    lines: int
    receipts: int
    engine_s: float
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
        return [
            _row("line-by-line reference", self.compared_lines, self.compared_reference_s),
            _row("engine, the same lines", self.compared_lines, self.compared_engine_s),
            _row("engine, a large month", self.lines, self.engine_s),
        ]


def measure_burndown(*, seed: int, lines: int = 1_000_000, compared_lines: int = 50_000) -> BurnDownRun:
    """Burns down a large month with 50 balances, and a small one of the same make by the engine and the reference.

    The small one has as many lines an hour, in fewer hours. All seconds are of CPU.
    """
    large = make_month(seed=seed, lines=lines)
    small = make_month(seed=seed, lines=compared_lines, hours=HOURS * compared_lines // lines)
    listed = list(small.lines())
    source = _TimedLines(large.lines())
    engine_s, receipts = _timed(lambda: _receipts(source, large))
    return BurnDownRun(
        lines=lines,
        receipts=receipts,
        engine_s=engine_s - source.making_s,
        compared_lines=compared_lines,
        compared_engine_s=median(_timed(lambda: _receipts(listed, small))[0] for _ in range(3)),
        compared_reference_s=_timed(lambda: reference_burndown.burn_down(listed, small.balances, small.catalog))[0],
        peak_small_mb=_peak_mb(small),
        peak_large_mb=_peak_mb(large),
    )


class _TimedLines:
    """Lines in small lots, and the seconds it took to make them: those are not the engine's."""

    def __init__(self, lines: Iterator[UsageLine]) -> None:
        self._lines = lines
        self.making_s = 0.0

    def __iter__(self) -> Iterator[UsageLine]:
        while True:
            seconds, lot = _timed(lambda: list(islice(self._lines, _LOT)))
            self.making_s += seconds
            if not lot:
                return
            yield from lot


def _receipts(lines: Iterable[UsageLine], month: Month) -> int:
    return sum(1 for _ in burn_down(lines, month.balances, month.catalog))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began_s = time.process_time()
    result = work()
    return time.process_time() - began_s, result


def _peak_mb(month: Month) -> float:
    tracemalloc.start()
    try:
        _receipts(month.lines(), month)
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
