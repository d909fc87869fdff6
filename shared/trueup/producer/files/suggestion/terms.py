"""Fields that say when and how much: access, invoice, unit, and which rows are left out."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from trueup.producer.files.mapping.open_points import OPEN
from trueup.producer.files.suggestion.amounts import WrittenAmounts, are_currencies, currency_of, written_amounts
from trueup.producer.files.suggestion.dates import ISO, WrittenDates
from trueup.producer.files.suggestion.sample import Sample, SampledColumn, are_enough
from trueup.producer.files.suggestion.suggested import Suggested, counted, listed, quoted
from trueup.producer.files.suggestion.vocabulary import LOST, STANDS, WON, Role, has_word, names_of

Dates = Mapping[str, WrittenDates]  # of the columns that have some

_WAYS = {"": "nothing", ".": "points", ",": "commas", "'": "apostrophes", " ": "spaces"}
_EXCLUSIVE = {"ending before", "valid before"}
_STATUSES_MAX = 30


def term_fields(sample: Sample, dates: Dates) -> Iterator[Suggested]:
    """Suggestions for amounts and dates, and the unit that amounts are in."""
    amount = _amount_column(sample)
    yield _amount("access_amount", amount)
    yield _unit(sample, amount)
    start, end = _with_dates(sample, "start", dates), _with_dates(sample, "end", dates)
    yield _date("access_starting_at", start, dates, "the first day of the term")
    yield _end(start, end, dates)
    yield _amount(
        "invoice_amount", amount, why="all of it is billed; leave it out with invoice_timestamp for what is free"
    )
    yield _date("invoice_timestamp", _with_dates(sample, "invoice_date", dates), dates, "the date of the invoice")


def skips(sample: Sample) -> Iterator[Suggested]:
    """Rows that are no deals: lost, cancelled, sums."""
    for name, text in sample.totals:
        yield Suggested("skip", {"column": name, "is": text}, "the line of totals")
    for column in sample.called("status"):
        if 0 < len(column.distinct) <= _STATUSES_MAX:
            yield from _skip(column)
            return


def _skip(column: SampledColumn) -> Iterator[Suggested]:
    won = [value for value in column.distinct if has_word(value, WON)]
    if won:
        left_out = [value for value in column.distinct if value not in won]
        count = sum(cell not in won for cell in column.cells)
        if left_out:
            why = f"{count} of {len(column.cells)} rows: {listed(left_out)}"
            yield Suggested("skip", {"column": column.name, "is_not": won}, why)
        return
    lost = [value for value in column.distinct if has_word(value, LOST)]
    unknown = [value for value in column.distinct if value not in lost and not has_word(value, STANDS)]
    if lost:
        yield Suggested(
            "skip", {"column": column.name, "is": lost}, counted(sum(cell in lost for cell in column.cells), "row")
        )
    if unknown:
        why = (
            f"is a row to be sent where it says {listed(unknown)}? Write those that are not; if all are, leave this out"
        )
        yield Suggested("skip", {"column": column.name, "is": f"{OPEN}{', '.join(unknown[:5])}"}, why)


def _amount_column(sample: Sample) -> SampledColumn | None:
    return next((column for column in sample.called("amount") if written_amounts(column)), None)


def _amount(field: str, column: SampledColumn | None, why: str = "") -> Suggested:
    written = written_amounts(column) if column else None
    if column is None or written is None:
        nobody_said = {"column": f"{OPEN}the column of the amount", "unit": "major"}
        return Suggested(field, nobody_said, "no column is called like an amount and has numbers")
    source = {"column": column.name, "unit": "major", **_marks(written)}
    if written.symbols:
        source["symbols"] = list(written.symbols)
    return Suggested(field, source, why or _amount_told(column, written))


def _marks(written: WrittenAmounts) -> dict[str, Any]:
    (decimal, thousands), *others = written.marks
    if others:
        ways = " or ".join(
            f"{one!r} between thousands" if one else f"{ten!r} before decimals" for ten, one in written.marks
        )
        return {"decimal": f"{OPEN}is {written.example} written with {ways}?"}
    if decimal == "." and not thousands:
        return {}
    return {"decimal": decimal} | ({"thousands": thousands} if thousands else {})


def _amount_told(column: SampledColumn, written: WrittenAmounts) -> str:
    told = [f"{quoted(written.example)}, in whole units and not in cents"]
    if not written.has_decimals:
        told = ["no value has decimals: is it in whole units and not in cents? See the totals of the dry run"]
    (_, thousands), *others = written.marks
    if thousands and not others:
        told.append(f"{_WAYS[thousands]} between thousands")
    if empty := len(column.cells) - len(column.values):
        told.append(f"empty in {counted(empty, 'row')}")
    if written.odd:
        told.append(f"no numbers: {listed(written.odd, most=3)}")
    return "; ".join(told)


def _unit(sample: Sample, amount: SampledColumn | None) -> Suggested:
    for column in sample.called("currency"):
        if are_currencies(column):
            told = f"units by their currencies: {listed(column.distinct)}"
            return Suggested("credit_type_id", {"column": column.name, "lookup": "unit"}, told)
    found = _currencies(amount) if amount else set()
    if amount and len(found) == 1:
        told = f"the currency stands in {quoted(amount.name)}"
        return Suggested("credit_type_id", {"value": found.pop(), "lookup": "unit"}, told)
    told = f"several currencies: {listed(sorted(found))}" if found else "no column has currencies"
    return Suggested("credit_type_id", {"value": f"{OPEN}the currency of the amounts, as USD", "lookup": "unit"}, told)


def _currencies(amount: SampledColumn) -> set[str]:
    written = written_amounts(amount)
    texts = (amount.name, *(written.symbols if written else ()))
    return {currency for text in texts if (currency := currency_of(text))}


def _with_dates(sample: Sample, role: Role, dates: Dates) -> SampledColumn | None:
    return next((column for column in sample.called(role) if column.name in dates), None)


def _date(field: str, column: SampledColumn | None, dates: Dates, what: str) -> Suggested:
    if column is None:
        return Suggested(field, {"column": f"{OPEN}the column of {what}"}, "no column is called so and has dates")
    written = dates[column.name]
    source = {"column": column.name} | _format(written)
    return Suggested(field, source, _date_told(column, written))


def _format(written: WrittenDates) -> dict[str, str]:
    if written.format is None:
        return {"format": f"{OPEN}{' or '.join(written.formats)}"}
    return {} if written.format == ISO else {"format": written.format}


def _date_told(column: SampledColumn, written: WrittenDates) -> str:
    if written.is_mixed:
        told = [f"dates of different orders, {listed(written.formats)}: make them one in the file"]
    elif written.format is None:
        told = [f"{quoted(written.example)} can be read in {len(written.formats)} ways, and no value decides"]
    elif written.like:
        told = [f"no value decides: as in {quoted(written.like)}, where they do"]
    else:
        told = [f"{quoted(written.example)} can only be {written.format}"]
    if empty := len(column.cells) - len(column.values):
        told.append(f"empty in {counted(empty, 'row')}")
    if written.odd:
        told.append(f"no dates: {listed(written.odd, most=3)}")
    return "; ".join(told)


def _end(start: SampledColumn | None, end: SampledColumn | None, dates: Dates) -> Suggested:
    if end is None:
        return _date("access_ending_before", None, dates, "the last day of the term")
    suggested = _date("access_ending_before", end, dates, "the last day of the term")
    is_last, told = _is_last_day(start, end, dates)
    if is_last is None:
        source: dict[str, Any] = {
            "inclusive_end": f"{OPEN}true if it is the last day of the term, false if it is the day after"
        }
    else:
        source = {"inclusive_end": is_last} if is_last else {}
    return Suggested(suggested.field, {**suggested.source, **source}, "; ".join(filter(None, [suggested.why, told])))


def _is_last_day(start: SampledColumn | None, end: SampledColumn, dates: Dates) -> tuple[bool | None, str]:
    """Tell from the terms' lengths if the end is the last day of a term, or the day after it; None: not certain."""
    if _EXCLUSIVE & set(names_of(end.name)):
        return False, "the day after the term"
    begins = dates[start.name] if start else None
    if start is None or begins is None:
        return None, ""
    terms = [
        (one, two)
        for first, last in zip(start.cells, end.cells, strict=True)
        if (one := begins.of(first)) and (two := dates[end.name].of(last)) and one < two
    ]
    whole = sum(_are_months(one, two) for one, two in terms)
    whole_with_last = sum(_are_months(one, two + timedelta(days=1)) for one, two in terms)
    if are_enough(whole_with_last, len(terms)) and not whole:
        return True, "the last day of the term, so the access ends at the start of the next"
    if are_enough(whole, len(terms)) and not whole_with_last:
        return False, "the day after the term"
    return None, "terms of whole months neither with this day nor without it"


def _are_months(start: datetime, end: datetime) -> bool:
    return start.day == end.day and start.time() == end.time()
