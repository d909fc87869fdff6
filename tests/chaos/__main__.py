"""`python -m tests.chaos --rounds 60 --seed 1`: exit code 1 when a promise was broken, 130 on Ctrl-C."""

import argparse
import sys
import time
from collections import Counter

from tests.chaos.load import Book
from tests.chaos.runner import replay, run_round
from tests.chaos.world import open_world

ROUNDS_PER_REPLAY = 3


def run(rounds: int, seed: int) -> Counter[str]:
    """Runs the rounds in one world, each under the next seed.

    Returns:
        How often which fault happened, and the last counts.

    Raises:
        AssertionError: a promise was broken; the message says how to repeat it.
    """
    book, faults = Book(), Counter[str]()
    with open_world() as world:
        for number in range(1, rounds + 1):
            began_s = time.monotonic()
            report = run_round(world, book, seed)
            if number % ROUNDS_PER_REPLAY == 0 or number == rounds:
                report.violations += replay(world, book)
            print(f"round {number}, {time.monotonic() - began_s:.1f} s, {report}", flush=True)
            assert not report.violations, f"repeat it with: python -m tests.chaos --rounds 1 --seed {seed}"
            faults.update(fault.split(",")[0] for fault in report.faults)
            seed += 1
    return faults


def main() -> int:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began_s = time.monotonic()
    try:
        faults = run(asked.rounds, asked.seed)
    except AssertionError as broken:
        print(broken)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything is stopped")
        return 130
    print(f"{asked.rounds} rounds, seeds {asked.seed} to {asked.seed + asked.rounds - 1}, without a violation")
    print(f"{sum(faults.values())} faults in {time.monotonic() - began_s:.0f} s: ", end="")
    print(", ".join(f"{count} {fault}" for fault, count in sorted(faults.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
