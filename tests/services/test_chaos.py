"""The promises hold under chaos with each broker: nothing accepted is lost, nothing is made twice."""

import os

import pytest

from tests.chaos.brokers import BROKERS
from tests.chaos.runner import run

ROUNDS = 30 if os.environ.get("FULL") else 3


@pytest.mark.parametrize("broker", sorted(BROKERS))
def test_rounds_with_another_broker(broker: str) -> None:
    """Its own faults, beside those of workers, Postgres, calls and feeds; then all is delivered once more."""
    reports = run(ROUNDS, seed=1, broker=broker)
    assert [report.violations for report in reports] == [[]] * ROUNDS
