"""What is told of a balance, line by line."""

from decimal import Decimal

from tests.tables.table import read_table
from trueup.domain.thresholds import Standing, Threshold, Told, judge, thresholds_of


def test_thresholds_are_told_as_the_table_says() -> None:
    """Each row of thresholds.txt, one after the other."""
    told = Told()
    for case in read_table("thresholds.txt"):
        told = told if case["after"] == "yes" else Told()
        standing = Standing(frozenset(case["segments"].split()), Decimal(case["granted"]), Decimal(case["left"]))
        shares, amounts = (map(Decimal, case[name].split()) for name in ("shares", "amounts"))
        judgement = judge(standing, told, thresholds_of(used_percent=shares, left_amount=amounts))
        room = "-" if judgement.headroom is None else f"{judgement.headroom.normalize():f}"
        found = " ".join(map(_name, judgement.reached))
        assert (case["case"], found, room) == (case["case"], case["told"], case["room"])
        told = judgement.told


def _name(threshold: Threshold) -> str:
    if threshold.measure == "exhausted":
        return "exhausted"
    return f"{threshold.at}%" if threshold.measure == "used_percent" else f"{threshold.at}"
