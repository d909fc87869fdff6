"""Amounts as the account reads them: in its locale, where Babel is installed; a base install has one way."""

from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

from trueup.domain import money_text
from trueup.domain.money_text import Money


class _Formats(Protocol):
    def money_in(self, locale: str, money: Money) -> str: ...

    def figure_in(self, locale: str, money: Money) -> str: ...


class AccountFormat:
    """A format of amounts for one run of the command.

    Attributes:
        locale: the account's, once it is known whose run it is.
    """

    locale = "en"

    def text(self, money: Money) -> str:
        """Amount with its currency."""
        formats = self._formats
        return formats.money_in(self.locale, money) if formats else money_text.money_text(money)

    def figure(self, money: Money) -> str:
        """Amount without its currency."""
        formats = self._formats
        return formats.figure_in(self.locale, money) if formats else money_text.figure(money)

    @cached_property
    def _formats(self) -> _Formats | None:
        """Module of CLDR's rules, which takes a tenth of a second to import: once an amount is told."""
        try:
            return cast("_Formats", import_module("trueup_worker.reporting.money_format"))
        except ModuleNotFoundError:
            return None


account_format = AccountFormat()
