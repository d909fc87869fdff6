"""`python -m tests.chaos --rounds 100 --seed 1`: exit code 1 when a promise was broken, 130 on Ctrl-C."""

import argparse
import signal
import sys
import time
from collections import Counter
from threading import Timer

from tests.chaos import copies
from tests.chaos.brokers import BROKERS
from tests.chaos.faults import FAULTS
from tests.chaos.runner import Report, run
from tests.chaos.world import FULL

_KINDS = {fault.__name__: fault for fault in FAULTS}


def main() -> int:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round's is one more")
    parser.add_argument("--only", action="append", default=[], choices=sorted(_KINDS), help="rounds of these faults")
    parser.add_argument("--full", action="store_true", help="as many parked rows, and as long an overload, as is told")
    parser.add_argument("--copies", action="store_true", help="with an application that keeps a copy from webhooks")
    parser.add_argument("--broker", choices=["redis", *BROKERS], default="redis", help="which broker has the queues")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = interrupt_again
    began_s = time.monotonic()
    try:
        kinds = [_KINDS[name] for name in asked.only]
        if asked.copies:
            reports = copies.run(asked.rounds, seed=asked.seed)
        else:
            reports = run(
                asked.rounds, seed=asked.seed, kinds=kinds, scale=FULL if asked.full else None, broker=asked.broker
            )
    except AssertionError as broken:
        print(broken)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything is stopped")
        return 130
    print(summary(reports, seconds=time.monotonic() - began_s))
    return 0


def interrupt_again(ignored: "sys.UnraisableHookArgs") -> None:
    """Repeats a Ctrl-C that came while Python ran a finalizer, where nothing can be raised."""
    if ignored.exc_type is KeyboardInterrupt:
        Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(ignored)


def summary(reports: list[Report], *, seconds: float) -> str:
    """What all of it came to."""
    faults = Counter(strike.fault for report in reports for strike in report.strikes)
    recovered_s = sorted(report.recovered_s or 0.0 for report in reports)
    return "\n".join(
        [
            f"{len(reports)} rounds, seeds {reports[0].seed} to {reports[-1].seed}, {seconds:.0f} s: no violation",
            f"recovered in {recovered_s[len(recovered_s) // 2]:.1f} s (median), {recovered_s[-1]:.1f} s at most",
            f"{faults.total()} faults: " + ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items())),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
