"""Thresholds of alerts: an account's, or those of one commit; defaults where nothing is set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.errors import NotFound, TrueupError
from trueup.limits import ALERT_DAYS_MAX, ALERT_THRESHOLDS_MAX, DECIMALS_MAX, DIGITS_BEFORE_POINT_MAX
from trueup.store.postgres.rows import fetch_all

AlertKind = Literal["expiring_days", "upcoming_days", "used_percent", "left_amount"]
ALERT_KINDS: Mapping[str, AlertKind] = {each: each for each in get_args(AlertKind)}
OF_BALANCES: frozenset[AlertKind] = frozenset({"used_percent", "left_amount"})

DEFAULTS: Mapping[AlertKind, Sequence[Decimal]] = {
    "expiring_days": (Decimal(1), Decimal(7), Decimal(30)),
    "upcoming_days": (Decimal(7),),
    "used_percent": (Decimal(50), Decimal(80), Decimal(100)),
    "left_amount": (),
}

_SAID_CHARS_MAX = 50

_SET = text("""
    INSERT INTO alert_setting (account_id, kind, commit_id, thresholds)
    VALUES (:account_id, :kind, :commit_id, CAST(:thresholds AS numeric[]))
    ON CONFLICT (account_id, kind, commit_id) DO UPDATE SET thresholds = excluded.thresholds, set_at = now()
""")
_RESET = text("""
    DELETE FROM alert_setting
     WHERE account_id = :account_id AND kind = :kind AND commit_id IS NOT DISTINCT FROM CAST(:commit_id AS uuid)
""")
_KNOWN = text("SELECT customer_id FROM commit WHERE account_id = :account_id AND id = :commit_id")
_ALL = text("""
    SELECT kind, commit_id, thresholds, set_at FROM alert_setting
     WHERE account_id = :account_id ORDER BY commit_id NULLS FIRST, kind
""")
_OF = text("""
    SELECT kind, commit_id, thresholds, set_at FROM alert_setting
     WHERE account_id = :account_id AND (commit_id IS NULL OR commit_id = ANY(CAST(:commit_ids AS uuid[])))
""")
_JUDGE_ANEW = text("""
    UPDATE balance_watch SET headroom = NULL, due_at = coalesce(due_at, greatest(now(), not_before))
     WHERE account_id = :account_id AND customer_id = coalesce(CAST(:customer_id AS uuid), customer_id)
""")


class WrongThresholds(TrueupError):
    """Refusal of thresholds that make no sense; the message says which one, and what would."""


class UnknownCommit(NotFound):
    """The account has no commit or credit of this id."""


@dataclass(frozen=True, slots=True)
class AlertSetting:
    """Thresholds of one kind.

    Attributes:
        commit_id: whose; None: those of the account.
        thresholds: ascending.
        set_at: real time; None: nobody set them, they are the default.
    """

    kind: AlertKind
    commit_id: UUID | None
    thresholds: Sequence[Decimal]
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of an account and of some of its commits."""

    settings: Mapping[tuple[AlertKind, UUID | None], Sequence[Decimal]] = field(default_factory=dict)

    def of(self, kind: AlertKind, commit_id: UUID | None = None) -> Sequence[Decimal]:
        """Those that count for a commit: its own, else the account's, else the default."""
        own = self.settings.get((kind, commit_id))
        return self.settings.get((kind, None), DEFAULTS[kind]) if own is None else own


def alert_kind(name: str) -> AlertKind:
    """The kind of this name.

    Raises:
        WrongThresholds: there is none.
    """
    if name not in ALERT_KINDS:
        raise WrongThresholds(f"there is no kind of alert {name[:100]!r}; there are {', '.join(ALERT_KINDS)}")
    return ALERT_KINDS[name]


def set_thresholds(
    connection: Connection,
    account_id: int,
    kind: AlertKind,
    thresholds: Sequence[Decimal],
    *,
    commit_id: UUID | None = None,
) -> Sequence[Decimal]:
    """Keep when alerts of a kind are given, from now on; returns the thresholds as they are kept.

    Args:
        connection: a transaction.
        account_id: whose alerts.
        kind: what the thresholds measure.
        thresholds: in any order; none: such alerts are never given.
        commit_id: of this commit or credit only.

    Raises:
        WrongThresholds: one of them makes no sense, or there are too many.
        UnknownCommit: the account has no such commit.
    """
    _judge(kind, thresholds, commit_id)
    kept = sorted({each.normalize() for each in thresholds})
    which = {"account_id": account_id, "kind": kind, "commit_id": commit_id}
    _judge_balances_anew(connection, account_id, kind, commit_id)
    connection.execute(_SET, which | {"thresholds": kept})
    return kept


def reset_thresholds(
    connection: Connection, account_id: int, kind: AlertKind, *, commit_id: UUID | None = None
) -> bool:
    """Go back to the account's thresholds, or to the default; tells whether others were set."""
    which = {"account_id": account_id, "kind": kind, "commit_id": commit_id}
    _judge_balances_anew(connection, account_id, kind, commit_id)
    return bool(connection.execute(_RESET, which).rowcount)


def list_thresholds(connection: Connection, account_id: int) -> list[AlertSetting]:
    """All that counts: each kind for the account, default or not, then those of commits."""
    found = fetch_all(connection, AlertSetting, _ALL, {"account_id": account_id})
    own = {each.kind: each for each in found if each.commit_id is None}
    of_account = [own.get(kind, AlertSetting(kind, None, DEFAULTS[kind])) for kind in DEFAULTS]
    return of_account + [each for each in found if each.commit_id is not None]


def load_thresholds(connection: Connection, account_id: int, commit_ids: Sequence[UUID] = ()) -> Thresholds:
    """Those of the account and of these commits."""
    rows = fetch_all(connection, AlertSetting, _OF, {"account_id": account_id, "commit_ids": list(commit_ids)})
    return Thresholds({(each.kind, each.commit_id): each.thresholds for each in rows})


def _judge(kind: AlertKind, thresholds: Sequence[Decimal], commit_id: UUID | None) -> None:
    if len(thresholds) > ALERT_THRESHOLDS_MAX:
        raise WrongThresholds(f"{len(thresholds)} thresholds are too many: up to {ALERT_THRESHOLDS_MAX} can be kept")
    if commit_id is not None and kind not in OF_BALANCES:
        raise WrongThresholds(f"{kind} is the account's: a commit has {' and '.join(sorted(OF_BALANCES))} of its own")
    most, what = {
        "expiring_days": (Decimal(ALERT_DAYS_MAX), f"days above 0, up to {ALERT_DAYS_MAX}"),
        "upcoming_days": (Decimal(ALERT_DAYS_MAX), f"days above 0, up to {ALERT_DAYS_MAX}"),
        "used_percent": (Decimal(100), "a share in percent, above 0 and up to 100"),
        "left_amount": (Decimal(10) ** DIGITS_BEFORE_POINT_MAX, "an amount above 0 in the commit's own unit"),
    }[kind]
    for each in thresholds:
        if not each.is_finite() or not 0 < each <= most or each != round(each, DECIMALS_MAX):
            said = str(each)[:_SAID_CHARS_MAX]
            raise WrongThresholds(f"{said} is no threshold: {kind} takes {what}, with up to {DECIMALS_MAX} decimals")


def _judge_balances_anew(connection: Connection, account_id: int, kind: AlertKind, commit_id: UUID | None) -> None:
    which = {"account_id": account_id, "commit_id": commit_id}
    customer_id = connection.scalar(_KNOWN, which) if commit_id else None
    if commit_id and customer_id is None:
        raise UnknownCommit(f"no commit or credit {commit_id} in this account")
    if kind in OF_BALANCES:
        connection.execute(_JUDGE_ANEW, {"account_id": account_id, "customer_id": customer_id})
