"""The eleven criteria of the order of balances."""

from enum import IntEnum


class Criterion(IntEnum):
    """Which balance pays first. The first criterion that tells two balances apart decides."""

    POSTPAID_LAST = 1
    PRIORITY = 2
    COST_BASIS = 3
    APPLICABLE_PRODUCTS = 4
    GROUP_SPECIFIERS = 5
    SEGMENT_END = 6
    SEGMENT_START = 7
    APPLICABLE_CONTRACTS = 8
    CREATED_AT = 9
    COMMIT_ID = 10
    POSITION = 11

    @property
    def statement(self) -> str:
        """Statement of the rule, for people."""
        return _STATEMENTS[self]


_STATEMENTS = {
    Criterion.POSTPAID_LAST: "prepaid commits and credits before postpaid commits",
    Criterion.PRIORITY: "lower priority",
    Criterion.COST_BASIS: "cost basis 0 before paid",
    Criterion.APPLICABLE_PRODUCTS: "fewer applicable products",
    Criterion.GROUP_SPECIFIERS: "fewer specifiers with group values",
    Criterion.SEGMENT_END: "earlier segment end",
    Criterion.SEGMENT_START: "earlier segment start",
    Criterion.APPLICABLE_CONTRACTS: "fewer applicable contracts",
    Criterion.CREATED_AT: "earlier creation",
    Criterion.COMMIT_ID: "lower commit id",
    Criterion.POSITION: "earlier in the request",
}
