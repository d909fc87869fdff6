"""money for people: which currency a unit is, and what its amounts count; in which locale an account reads them"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NO_DECIMALS = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
THREE, FOUR = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], ["CLF", "UYW"]
HUNDREDTHS = [
    "AED",
    "AFN",
    "ALL",
    "AMD",
    "AOA",
    "ARS",
    "AUD",
    "AWG",
    "AZN",
    "BAM",
    "BBD",
    "BDT",
    "BGN",
    "BMD",
    "BND",
    "BOB",
    "BOV",
    "BRL",
    "BSD",
    "BTN",
    "BWP",
    "BYN",
    "BZD",
    "CAD",
    "CDF",
    "CHE",
    "CHF",
    "CHW",
    "CNY",
    "COP",
    "COU",
    "CRC",
    "CUP",
    "CVE",
    "CZK",
    "DKK",
    "DOP",
    "DZD",
    "EGP",
    "ERN",
    "ETB",
    "EUR",
    "FJD",
    "FKP",
    "GBP",
    "GEL",
    "GHS",
    "GIP",
    "GMD",
    "GTQ",
    "GYD",
    "HKD",
    "HNL",
    "HRK",
    "HTG",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "IRR",
    "JMD",
    "KES",
    "KGS",
    "KHR",
    "KPW",
    "KYD",
    "KZT",
    "LAK",
    "LBP",
    "LKR",
    "LRD",
    "LSL",
    "MAD",
    "MDL",
    "MGA",
    "MKD",
    "MMK",
    "MNT",
    "MOP",
    "MRU",
    "MUR",
    "MVR",
    "MWK",
    "MXN",
    "MXV",
    "MYR",
    "MZN",
    "NAD",
    "NGN",
    "NIO",
    "NOK",
    "NPR",
    "NZD",
    "PAB",
    "PEN",
    "PGK",
    "PHP",
    "PKR",
    "PLN",
    "QAR",
    "RON",
    "RSD",
    "RUB",
    "SAR",
    "SBD",
    "SCR",
    "SDG",
    "SEK",
    "SGD",
    "SHP",
    "SLE",
    "SOS",
    "SRD",
    "SSP",
    "STN",
    "SVC",
    "SYP",
    "SZL",
    "THB",
    "TJS",
    "TMT",
    "TOP",
    "TRY",
    "TTD",
    "TWD",
    "TZS",
    "UAH",
    "USD",
    "USN",
    "UYU",
    "UZS",
    "VED",
    "VES",
    "WST",
    "XAD",
    "XCD",
    "XCG",
    "YER",
    "ZAR",
    "ZMW",
    "ZWG",
]
CURRENCY, MONEY = sa.text("currency ~ '^[A-Z]{3}$'"), sa.text("num_nulls(currency, exponent, amounts_in) IN (0, 3)")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    no_money = "ISO 4217; null: it is no money, nor has it what follows"
    op.add_column("unit", sa.Column("currency", sa.Text(), nullable=True, comment=no_money))
    exponent = "decimals of the currency's minor unit"
    op.add_column("unit", sa.Column("exponent", sa.SmallInteger(), nullable=True, comment=exponent))
    counted = "what an amount of 1 is: minor (a cent) or major (a dollar)"
    op.add_column("unit", sa.Column("amounts_in", sa.Text(), nullable=True, comment=counted))
    _name_currencies()
    op.create_check_constraint(op.f("unit_currency_check"), "unit", CURRENCY)
    op.create_check_constraint(op.f("unit_exponent_check"), "unit", sa.text("exponent BETWEEN 0 AND 4"))
    op.create_check_constraint(op.f("unit_amounts_in_check"), "unit", sa.text("amounts_in IN ('minor', 'major')"))
    op.create_check_constraint(op.f("unit_money_check"), "unit", MONEY)
    written = "how numbers and dates are written for people, as en or de-CH"
    locale = sa.Column("locale", sa.Text(), server_default=sa.text("'en'"), nullable=False, comment=written)
    op.add_column("account", locale)


def _name_currencies() -> None:
    """Say of the units there are what their names said: `EUR (cents)`, `JPY (minor units)`, and `EUR` in euros."""
    otherwise = [*NO_DECIMALS, *THREE, *FOUR]
    op.get_bind().execute(
        sa.text(r"""
            UPDATE unit
               SET currency = left(name, 3),
                   exponent = CASE WHEN left(name, 3) = ANY(:none) THEN 0
                                   WHEN left(name, 3) = ANY(:three) THEN 3
                                   WHEN left(name, 3) = ANY(:four) THEN 4 ELSE 2 END,
                   amounts_in = CASE WHEN length(name) = 3 THEN 'major' ELSE 'minor' END
             WHERE name ~ '^[A-Z]{3}( \((cents|minor units)\))?$' AND left(name, 3) = ANY(:currencies)
               AND NOT (name LIKE '%(cents)' AND left(name, 3) = ANY(:otherwise))
        """),
        {
            "none": NO_DECIMALS,
            "three": THREE,
            "four": FOUR,
            "otherwise": otherwise,
            "currencies": [*HUNDREDTHS, *otherwise],
        },
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("account", "locale")
    for name in ("amounts_in", "exponent", "currency"):
        op.drop_column("unit", name)
