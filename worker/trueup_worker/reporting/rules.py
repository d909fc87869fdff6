"""The rule behind a ledger entry or a line of usage, in words."""

from trueup.domain.burndown.criterion import Criterion
from trueup.store.invoices.explain import Record

_OVERAGE = "overage: no balance could pay"
_NO_RIVAL = "no other balance could have paid"
_BOOKED = {
    "SEGMENT_START": "granted",
    "INITIAL_BALANCE": "committed",
    "AUTOMATED_INVOICE_DEDUCTION": "drawn by usage",
    "EXPIRATION": "left when its time was over",
    "TRUEUP": "billed: what was not drawn",
    "MANUAL": "by hand",
}
_TAKES = ("DEDUCTION", "EXPIRATION", "TRUEUP")


def rule_of_payer(criterion: int | None, *, is_paid: bool) -> str:
    """Which of the eleven criteria set the payer before the next balance that could have paid."""
    if not is_paid:
        return _OVERAGE
    return _NO_RIVAL if criterion is None else f"{criterion}: {Criterion(criterion).statement}"


def rule_of_line(line: Record) -> Record:
    """A line of usage with its rule in place of the criterion's number."""
    rest = {name: value for name, value in line.items() if name != "criterion"}
    return rest | {"rule": rule_of_payer(line["criterion"], is_paid=line["commit_id"] is not None)}


def rule_of_entry(entry: Record) -> Record:
    """A ledger entry with its rule, and the operator's words in it."""
    said = next(rule for suffix, rule in _BOOKED.items() if entry["type"].endswith(suffix))
    if entry["amount"] > 0 and entry["type"].endswith(_TAKES):
        said = f"taken back: {said}"
    rest = {name: value for name, value in entry.items() if name != "reason"}
    return rest | {"rule": ": ".join(filter(None, (said, entry["reason"])))}
