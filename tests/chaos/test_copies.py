"""An application that keeps a copy from webhooks alone has a right one, and a careless one is found out."""

from dataclasses import replace

import pytest

from tests.chaos.copies import LINEUP, TYPES, comparable, copy_round, differences, faults_of, open_copies
from tests.chaos.faults import FAULTS
from tests.chaos.faults import receiver as receiver_faults
from tests.chaos.load import Load
from tests.chaos.receiving import kind_of

SHORT = Load(backlog=10, kept_first=20, files_first=60, kept_more=5, files_more=15)
ROUNDS = tuple(zip(receiver_faults.KINDS[:3], receiver_faults.OF_SENDERS[:3], strict=True))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_copy_from_webhooks_alone() -> None:
    """It is what the API tells, after rounds in which the receiver and those who send to it die, refuse and hang."""
    with open_copies() as copies:
        for seed, faults in enumerate(ROUNDS, start=1):
            report = copy_round(copies, seed, load=SHORT, faults=faults)
            assert report.violations == []
        kept = copies.counts()
    assert kept["of them again"] > 0
    assert kept["objects copied"] > 100 * len(ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("carelessness", "told"), [("out_of_order", "instead of"), ("forgetful", "is missing")])
def test_red_when_the_application_is_careless(carelessness: str, told: str) -> None:
    """Where it keeps whatever came last, or answers well to what it does not keep, the copy is wrong."""
    lineup = replace(LINEUP, receiver=f"tests.chaos.careless_receiving {carelessness}")
    with open_copies(lineup) as copies:
        report = copy_round(copies, 1, load=SHORT, faults=[receiver_faults.overtake])
    wrong = [each for each in report.violations if each.startswith("copy of")]
    assert any(told in each for each in wrong)
    assert wrong == report.violations


def test_rounds_in_a_row_meet_every_fault() -> None:
    """Of the receiver, of those who send to it, and all the others."""
    met = {fault for seed in range(1, 31) for fault in faults_of(seed)}
    assert met.issuperset((*receiver_faults.KINDS, *receiver_faults.OF_SENDERS))
    assert len(met & set(FAULTS)) == min(60, len(FAULTS))


def test_what_differs_is_named() -> None:
    """The object, and in which fields; what no event tells of makes no difference."""
    item = {"id": "1", "amount": 5, "invoice_id": "1"}
    commit = {"id": "a", "priority": 1, "balance": 3, "invoice_schedule": {"schedule_items": [item]}}
    told = {("commit", "a"): comparable("commit", commit), ("invoice", "b"): {"status": "VOID"}}
    later = commit | {"balance": 0, "unpaid": 5, "invoice_schedule": {"schedule_items": [item | {"id": "2"}]}}
    assert list(differences({("commit", "a"): comparable("commit", later)}, told)) == ["invoice b is missing"]
    changed = {
        ("commit", "a"): comparable("commit", commit | {"priority": 2}),
        ("invoice", "b"): {},
        ("credit", "c"): {},
    }
    assert list(differences(changed, told)) == [
        "credit c is in it, and nowhere else",
        "commit a has priority 2 instead of 1",
        "invoice b has status None instead of VOID",
    ]


def test_kinds() -> None:
    """A request that was refused is no commit, though one of its id may be made when it is replayed."""
    assert {kind_of(each) for each in TYPES} == {"commit", "credit", "invoice", "request"}
    assert kind_of("commit.parked") == "request"
