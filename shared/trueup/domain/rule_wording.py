"""The rule behind a ledger entry or a line of usage, in words. Pure."""

from decimal import Decimal

from trueup.domain.burndown.criterion import Criterion

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


def rule_of_entry(entry_type: str, amount: Decimal, reason: str | None) -> str:
    """Rule by which a ledger entry of this type and amount was booked, with the operator's words."""
    said = next(rule for suffix, rule in _BOOKED.items() if entry_type.endswith(suffix))
    if amount > 0 and entry_type.endswith(_TAKES):
        said = f"taken back: {said}"
    return ": ".join(filter(None, (said, reason)))
