"""FOCUS: commitments as the dataset Contract Commitment of the FinOps Open Cost and Usage Specification 1.3 has them.

Columns, formats and which may be null are those of https://focus.finops.org/focus-specification/v1-3/.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Context, Decimal
from fractions import Fraction

from sqlalchemy import Connection

from trueup.domain.burndown.exact import rounded
from trueup.domain.money import plain_text
from trueup.domain.unit import Unit
from trueup.store.catalog.units import units_of
from trueup.store.commits.promised_segments import PROMISED_SEGMENTS, PromisedSegment, count_without_contract
from trueup_worker.exports.export import Export, Row, Span, streamed

_TYPES = {"PREPAID": "Prepaid commitment", "POSTPAID": "Postpaid commitment"}
_WIDE = Context(prec=64)


def _rows(connection: Connection, account_id: int, span: Span) -> Iterator[Row]:
    since, until = span.bounds
    units = units_of(connection, account_id)
    for found in streamed(connection, PROMISED_SEGMENTS, {"account_id": account_id, "since": since, "until": until}):
        yield _row(PromisedSegment(*found), units)


def _left_out(connection: Connection, account_id: int, span: Span) -> list[str]:
    since, until = span.bounds
    count = count_without_contract(connection, account_id, since=since, until=until)
    return [f"{count} {'segment' if count == 1 else 'segments'} of commits that have no contract"] if count else []


def _row(segment: PromisedSegment, units: dict[str, Unit]) -> Row:
    granted, billed = units[str(segment.access_unit_id)], units[str(segment.invoice_unit_id)]
    is_spend = segment.access_type == "SPEND" and granted.currency is not None and granted.currency == billed.currency
    cost = _major(segment.amount, granted) if is_spend else _worth(segment, billed)
    quantity = None if is_spend else Decimal(plain_text(segment.amount))
    return (
        billed.currency,
        "Spend" if is_spend else "Usage",
        cost,
        segment.name or None,
        str(segment.id),
        _instant(segment.ending_before),
        _instant(segment.starting_at),
        quantity,
        _TYPES[segment.type],
        None if is_spend else _unit(segment, granted),
        str(segment.contract_id),
        _instant(segment.contract_ending_before),
        _instant(segment.contract_starting_at),
    )


def _worth(segment: PromisedSegment, billed: Unit) -> Decimal | None:
    """Price of it: its share of the instalments; None where that is no money, or is not said by any."""
    if billed.currency is None or not segment.access or not segment.instalments:
        return None
    return _major(rounded(Fraction(segment.amount) * Fraction(segment.instalments) / Fraction(segment.access)), billed)


def _major(amount: Decimal, unit: Unit) -> Decimal:
    return Decimal(plain_text(_WIDE.scaleb(amount, -unit.decimals)))


def _unit(segment: PromisedSegment, granted: Unit) -> str:
    return "Units" if segment.access_type == "QUANTITY" else granted.name or "Units"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


FOCUS = Export(
    name="focus",
    about="a segment of a commit, as FOCUS 1.3 tells a contract commitment",
    dated="ContractCommitmentPeriodStart",
    columns={
        "BillingCurrency": "ISO 4217; empty: what is invoiced is no money",
        "ContractCommitmentCategory": "Spend (money is to be spent) or Usage (units are to be used)",
        "ContractCommitmentCost": "its amount; of Usage what is paid for it, where that is known",
        "ContractCommitmentDescription": "the commit's name, else the product's",
        "ContractCommitmentId": "of the segment",
        "ContractCommitmentPeriodEnd": "end of its access, exclusive",
        "ContractCommitmentPeriodStart": "start of its access, inclusive",
        "ContractCommitmentQuantity": "of Usage: its amount",
        "ContractCommitmentType": "Prepaid commitment or Postpaid commitment",
        "ContractCommitmentUnit": "of Usage: what the quantity counts",
        "ContractId": "of the contract that is invoiced",
        "ContractPeriodEnd": "its end; of an open contract that of the last access promised under it",
        "ContractPeriodStart": "its start",
    },
    rows=_rows,
    left_out=_left_out,
)
