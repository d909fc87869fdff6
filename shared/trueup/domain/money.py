"""Exact amounts: one decimal context for all arithmetic, one text form for storing and comparing."""

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

from trueup.limits import DECIMALS_MAX, DIGITS_BEFORE_POINT_MAX

ONE = Decimal(1)

# 64 digits hold every product of two numbers that fit; whatever would be rounded raises instead.
_EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_FITTING = Context(prec=DIGITS_BEFORE_POINT_MAX + DECIMALS_MAX, traps=[Inexact, InvalidOperation])
_LAST_DECIMAL = Decimal(1).scaleb(-DECIMALS_MAX)


def fits(value: Decimal) -> bool:
    """Tell whether the value needs at most 18 digits before the point and 12 after it.

    Judged by value, not by notation: 1.0000000000000000 fits, 1e1000000 does not. Takes no time for huge exponents.
    """
    try:
        return _FITTING.quantize(value, _LAST_DECIMAL).is_finite()
    except (Inexact, InvalidOperation):
        return False


def product(first: Decimal, second: Decimal) -> Decimal:
    """The exact product.

    Raises:
        decimal.Inexact: it needs more than 64 digits, which no product of two values that fit does.
    """
    return _EXACT.multiply(first, second)


def shares(total: Decimal, *, count: int, decimals: int) -> list[Decimal]:
    """Divide a total: every share but the last is rounded down to `decimals`, the last takes the rest.

    Args:
        total: positive, and such that `fits` holds.
        count: at least 1.
        decimals: of the shares but the last; 0 gives whole units.

    Returns:
        `count` shares whose sum is the total, exactly.
    """
    share = _EXACT.scaleb(_EXACT.divide_int(_EXACT.scaleb(total, decimals), count), -decimals)
    rest = _EXACT.subtract(total, _EXACT.multiply(share, count - 1))
    return [share] * (count - 1) + [rest]


def plain_text(value: Decimal) -> str:
    """The value as plain decimal text: no exponent, no trailing zeros, no negative zero. Equal values, equal texts."""
    if not value:
        return "0"
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
