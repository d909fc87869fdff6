"""Thresholds at which alerts are given."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import Self
from uuid import UUID

from trueup.store.alerts.settings import AlertKind, AlertSetting
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http.answer import Amount, Answer, Instant


class Alert(Answer):
    """Thresholds of one kind, in ascending order.

    Attributes:
        kind: `expiring_days` before the end of access, `upcoming_days` before an invoice is due, `used_percent` of what
            can be used now, or `left_amount` in the unit of the commit or credit.
        thresholds: none: such alerts are not given.
        commit_id: of this commit or credit, in place of the account's.
        set_at: left out: it is the default.
    """

    kind: AlertKind
    thresholds: list[Amount]
    commit_id: UUID | None = None
    set_at: Instant | None = None

    @classmethod
    def of(cls, setting: AlertSetting) -> Self:
        """A setting that counts."""
        at = setting.set_at and setting.set_at.astimezone(UTC)
        return cls.from_record(setting, thresholds=list(setting.thresholds), set_at=at)

    @classmethod
    def counting(cls, kind: AlertKind, commit_id: UUID | None, thresholds: Sequence[Decimal]) -> Self:
        """Thresholds that count after a change."""
        return cls(kind=kind, commit_id=commit_id, thresholds=list(thresholds))

    @classmethod
    def example(cls) -> Self:
        """A commit that is told of when half of it is used, and when nearly all is."""
        return cls(kind="used_percent", commit_id=examples.COMMIT, thresholds=[Decimal(50), Decimal(95)])


class AlertAnswer(Answer):
    """Thresholds that count now."""

    data: Alert

    @classmethod
    def example(cls) -> Self:
        """Those of a commit."""
        return cls(data=Alert.example())


class AlertList(Answer):
    """All that counts: each kind for the account, then those of commits and credits with their own."""

    data: list[Alert]

    @classmethod
    def example(cls) -> Self:
        """A default, and those of a commit."""
        return cls(data=[Alert(kind="upcoming_days", thresholds=[Decimal(7)]), Alert.example()])
