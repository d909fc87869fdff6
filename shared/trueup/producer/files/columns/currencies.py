"""Currencies: their codes, and the signs that stand beside amounts in files."""

import re
from collections.abc import Mapping

# ISO 4217, as far as money is billed in it.
_CURRENCIES = """
    AED ALL AMD AOA ARS AUD AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP CRC
    CUP CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD GBP GEL GHS GMD GNF GTQ HKD HNL HUF IDR ILS INR IQD IRR ISK JMD JOD JPY
    KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LYD MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
    NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SEK SGD THB TND TOP TRY TTD TWD TZS UAH UGX USD UYU
    UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
_SIGNS = """
    € EUR
    £ GBP
    ¥ JPY CNY
    $ ARS AUD BBD BMD BND BRL BSD BZD CAD CLP COP CUP CVE DOP FJD HKD JMD KYD MXN NAD NIO NZD SGD TOP TTD TWD USD UYU
      WST XCD
"""
CURRENCIES = frozenset(_CURRENCIES.split())
SIGNS: Mapping[str, frozenset[str]] = {
    sign: frozenset(codes.split()) for sign, codes in re.findall(r"(\S)\s((?:[A-Z]{3}\s+)+)", _SIGNS)
}
_CODE = re.compile(r"[A-Z]{3}")


def currencies_of(text: str) -> frozenset[str]:
    """The currencies that a name or a symbol may mean: EUR of `Betrag (€)`, all dollars of `$`; none of `units`.

    A code says it more exactly than a sign: `USD $` is one currency.
    """
    if text.strip().upper() in CURRENCIES:
        return frozenset({text.strip().upper()})
    codes = CURRENCIES.intersection(_CODE.findall(text))
    return codes or frozenset().union(*(SIGNS[sign] for sign in text if sign in SIGNS))
