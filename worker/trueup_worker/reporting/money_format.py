"""Amounts as an account reads them: in its locale, by CLDR's rules. Exact: no digit is rounded away."""

import re
from decimal import Context, localcontext
from functools import lru_cache
from unicodedata import category

from babel import Locale, UnknownLocaleError
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern

from trueup.domain.money_text import Money
from trueup.errors import TrueupError

DEFAULT_LOCALE = "en"
_NAME = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_EXACT = Context(prec=64)
_SHARED_SIGN = "$"  # of more than twenty currencies


class UnknownLocale(TrueupError):
    """CLDR knows no such locale."""

    code = "invalid_request"


def money_in(locale: str, money: Money) -> str:
    """Amount with its currency: `1,234.56 USD`, `¥1,235`, `1,200 credits`; in German `1.234,56 USD`.

    A currency stands as its sign where the locale has one that is no letters and no dollar, which are many; else its
    code stands behind.
    """
    known, unit = locale_of(locale), money.unit
    if unit.currency is None or not _has_own_sign(locale, unit.currency):
        return f"{figure_in(locale, money)} {unit.called}".rstrip()
    with localcontext(_EXACT):
        written: str = _pattern(known.currency_formats["standard"].pattern, unit.exponent or 0).apply(
            money.amount.scaleb(-unit.decimals),
            known,
            currency=unit.currency,
            currency_digits=False,
            decimal_quantization=False,
        )
    return written


def figure_in(locale: str, money: Money) -> str:
    """Amount without its currency, with the currency's decimals at least."""
    known = locale_of(locale)
    with localcontext(_EXACT):
        written: str = _pattern(known.decimal_formats[None].pattern, money.unit.exponent or 0).apply(
            money.amount.scaleb(-money.unit.decimals), known, decimal_quantization=False
        )
    return written


@lru_cache
def locale_of(name: str) -> Locale:
    """Locale of a name as `en` or `de-CH`.

    Raises:
        UnknownLocale: there is none.
    """
    try:
        if _NAME.fullmatch(name):
            return Locale.parse(name.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        pass
    raise UnknownLocale("locale: give a language, as en, or one with its country, as de-CH")


@lru_cache
def _has_own_sign(locale: str, currency: str) -> bool:
    sign = get_currency_symbol(currency, locale_of(locale))
    return _SHARED_SIGN not in sign and all(category(each) == "Sc" for each in sign)


@lru_cache
def _pattern(pattern: str, decimals: int) -> NumberPattern:
    """CLDR's pattern with at least so many decimals: those of ISO 4217, which CLDR does not always have."""
    parsed: NumberPattern = parse_pattern(pattern)
    parsed.frac_prec = (decimals, decimals)
    return parsed
