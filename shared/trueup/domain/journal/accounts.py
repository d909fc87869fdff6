"""Accounts of the books, by what they are for; a mapping gives each the code that it has in the ledger of the house."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from trueup.errors import Refused

Account = Literal[
    "receivable", "contract_position", "revenue", "breakage", "clearing", "promotional_expense", "rounding"
]
ACCOUNTS: tuple[Account, ...] = get_args(Account)

DEFAULT_CODES: Mapping[Account, str] = {
    "receivable": "1100",
    "clearing": "1190",
    "contract_position": "2400",
    "revenue": "4000",
    "breakage": "4900",
    "promotional_expense": "6500",
    "rounding": "7900",
}
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/ -]{0,63}", re.ASCII)


class CodesRefused(Refused):
    """Codes that name no account, or are none."""


def changed_codes(before: Mapping[Account, str], given: Mapping[str, str]) -> dict[Account, str]:
    """All codes after some of them changed.

    Raises:
        CodesRefused: an account that there is not, or a code that is none.
    """
    for name, code in given.items():
        if name not in ACCOUNTS:
            raise CodesRefused(f"there is no account {name!r}: choose one of {', '.join(ACCOUNTS)}")
        if not _CODE.fullmatch(code):
            raise CodesRefused(f"{code!r} is no code of {name}: letters, digits and . _ : / - up to 64, no formula")
    return {account: given.get(account, before[account]) for account in ACCOUNTS}
