"""Whatever comes in: reading answers, amounts stay exact, meaning decides the fingerprint."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bodies import (
    Body,
    Place,
    changed,
    credit,
    full,
    invoiced,
    postpaid,
    prepaid,
    priced,
    recurringly,
    text,
    without,
)
from trueup.domain.money import fits, plain_text, product, shares
from trueup.domain.schedule import MONTHS, Recurrence, expand
from trueup.limits import BODY_BYTES_MAX
from trueup.wire.message.envelope import Kind
from trueup.wire.problems import CODES, Problem, error_body
from trueup.wire.request.normal import charges, fingerprint, normalise
from trueup.wire.request.read import read_body


def holds_for(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A property of all these values; a busy machine may take its time."""
    relaxed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    return lambda test: relaxed(given(*strategies)(test))


KINDS = st.sampled_from(["commit", "credit"])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(["", "PREPAID", "2025-01-01T00:00:00Z"])
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
BODIES = st.sampled_from([prepaid(), postpaid(), full(), recurringly(), invoiced(), credit()])
FITTING = st.integers(1, 10**30 - 1).map(lambda units: Decimal(f"{units}e-12"))
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


def places(value: Any, place: Place = ()) -> list[Place]:
    """Every place of a value, but for the root."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in entries for found in ((*place, key), *places(inner, (*place, key)))]


def is_answer(read: Any) -> bool:
    """Whether this is a body, or a non-empty list of problems that can be told and stored."""
    if isinstance(read, dict):
        return True
    told = json.dumps(error_body(read), ensure_ascii=False)
    told.encode()
    return bool(read) and "\0" not in told and all(isinstance(each, Problem) and each.code in CODES for each in read)


@holds_for(st.binary(max_size=200) | st.text(max_size=200), KINDS)
def test_any_text_gets_an_answer(given_text: bytes | str, kind: Kind) -> None:
    """Bytes and texts of any kind get an answer."""
    assert is_answer(read_body(given_text, kind))


@holds_for(JSON, KINDS)
def test_any_json_gets_an_answer(value: Any, kind: Kind) -> None:
    """Any JSON gets an answer, and what is no object is refused as such or as too deep."""
    read = read_body(text(value), kind)
    assert is_answer(read)
    assert isinstance(value, dict) or [each.code for each in read] in (["not_an_object"], ["too_deep"])


@holds_for(st.data(), BODIES, KINDS)
def test_any_change_of_a_body_gets_an_answer(data: st.DataObject, body: Body, kind: Kind) -> None:
    """A valid body, changed at up to three places, gets an answer, and one that can be read again."""
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(body)))
        replaced = changed(body, place, data.draw(JSON))
        added = changed(body, (*place[:-1], data.draw(st.text())), 1) if isinstance(place[-1], str) else body
        body = data.draw(st.sampled_from([replaced, added, without(body, place)]))
        if not places(body):
            break
    read = read_body(text(body), kind)
    assert is_answer(read)
    if isinstance(read, dict):
        assert len(fingerprint(normalise(read, kind))) == 32


@holds_for(st.data(), BODIES)
def test_a_problem_is_told_wherever_it_is(data: st.DataObject, body: Body) -> None:
    """A value that no field takes is reported at its place, whatever else the body holds."""
    kind: Kind = "commit" if "type" in body else "credit"
    place = data.draw(st.sampled_from(places(body)))
    read = read_body(text(changed(body, place, {"x": 1})), kind)
    assert isinstance(read, list)
    path = "".join(f"/{part}" for part in place)
    assert any(each.path in (path, f"{path}/x") for each in read)


@holds_for(st.text(max_size=30), st.integers(0, 400))
def test_a_text_that_is_cut_is_no_json(suffix: str, cut: int) -> None:
    """A body that breaks off is refused for its syntax alone."""
    whole = text(prepaid(name=suffix))
    read = read_body(whole[: -1 - cut % (len(whole) - 1)], "commit")
    assert [each.code for each in read] == ["json_invalid"]  # type: ignore[union-attr]


@holds_for(st.integers(1, 3))
def test_one_byte_too_many(more: int) -> None:
    """Up to 256 KiB a body is read, above it is too large."""
    padded = text(prepaid()).encode().ljust(BODY_BYTES_MAX)
    assert isinstance(read_body(padded, "commit"), dict)
    assert [each.code for each in read_body(padded + b" " * more, "commit")] == ["body_too_large"]  # type: ignore[union-attr]


@holds_for(FITTING, st.integers(0, 20))
def test_amounts_survive_exactly(amount: Decimal, zeros: int) -> None:
    """However an amount is spelled, it is read, stored and fingerprinted as the same exact decimal."""
    units = _units(amount)
    spellings = [f"{amount:f}", f"{units}e-12", f"{units}{'0' * zeros}E-{12 + zeros}", f"0.{units:040}e+28"]
    stored = [_normal(priced(spelling)) for spelling in spellings]
    assert len({fingerprint(normal) for normal in stored}) == 1
    assert stored[0]["access_schedule"]["schedule_items"][0]["amount"] == plain_text(amount)
    assert _units(Decimal(plain_text(amount))) == units


@holds_for(FITTING, FITTING)
def test_products_keep_all_their_digits(unit_price: Decimal, quantity: Decimal) -> None:
    """An item is valid exactly when its product fits, and then its amount is the exact product."""
    item = {"timestamp": "2025-01-01T00:00:00Z", "unit_price": "@1", "quantity": "@2"}
    written = text(invoiced(item)).replace('"@1"', f"{unit_price:f}").replace('"@2"', f"{quantity:f}")
    read = read_body(written, "commit")
    assert isinstance(read, dict) == fits(product(unit_price, quantity))
    if isinstance(read, dict):
        (charge,) = charges(normalise(read, "commit"))
        assert Decimal(charge["amount"]) == product(unit_price, quantity)


@holds_for(FITTING, st.integers(1, 1200), st.sampled_from([0, 12]))
def test_shares_sum_exactly(total: Decimal, count: int, decimals: int) -> None:
    """Shares add up to the total; all but the last are equal, of the decimals asked for, and not above the last."""
    *first, last = (_units(share) for share in shares(total, count=count, decimals=decimals))
    assert (len(first) + 1, sum(first) + last) == (count, _units(total))
    assert len(set(first)) <= 1
    assert all(share % 10 ** (12 - decimals) == 0 and 0 <= share <= last for share in first)


@holds_for(INSTANTS, st.integers(1, 3000), st.sampled_from(sorted(MONTHS)))
def test_occurrences_lie_in_their_window(start: datetime, days: int, frequency: str) -> None:
    """Occurrences ascend strictly from the anchor, end before the end, and the next one would not."""
    last = datetime(9998, 12, 31, tzinfo=UTC)
    end = start + min(timedelta(days=days), max(last - start, timedelta(days=1)))
    recurrence = Recurrence(starting_at=start, ending_before=end, frequency=frequency)
    found = recurrence.timestamps()
    assert found == sorted(set(found))
    assert (found[0], len(found)) == (start, recurrence.count)
    assert found[-1] < end <= recurrence.occurrence(len(found))
    assert len(expand(recurrence, (Decimal(1), Decimal(1)), amount_distribution="EACH")) == len(found)


@holds_for(st.integers(-23 * 60 - 59, 23 * 60 + 59), INSTANTS)
def test_the_offset_makes_no_difference(offset_minutes: int, instant: datetime) -> None:
    """An instant is the same instant in every offset."""
    elsewhere = instant.astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert _fingerprint_at(elsewhere) == _fingerprint_at(instant)


@holds_for(st.data(), BODIES)
def test_the_order_of_fields_makes_no_difference(data: st.DataObject, body: Body) -> None:
    """Fields in any order, with nulls between them, have the same fingerprint."""
    shuffled = dict(data.draw(st.permutations([*body.items(), ("name", body.get("name"))])))
    kind: Kind = "commit" if "type" in body else "credit"
    assert fingerprint(_normal(text(shuffled), kind)) == fingerprint(_normal(text(body), kind))


def _normal(written: str, kind: Kind = "commit") -> dict[str, Any]:
    read = read_body(written, kind)
    assert isinstance(read, dict), read
    return normalise(read, kind)


def _units(value: Decimal) -> int:
    """The value in millionths of millionths."""
    return int(f"{value:.12f}".replace(".", ""))


def _fingerprint_at(instant: datetime) -> bytes:
    return fingerprint(_normal(text(invoiced({"timestamp": instant.isoformat(), "amount": 1}))))
