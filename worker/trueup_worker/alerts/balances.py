"""The use case: a customer's balances are held against their thresholds once usage may have brought one to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from sqlalchemy import Connection, Engine

from trueup.domain.burndown.exact import exact_sum
from trueup.domain.burndown.values import Balance
from trueup.domain.thresholds import EXHAUSTED, Judgement, Standing, Threshold, Told, judge, thresholds_of
from trueup.limits import BALANCE_PAUSE_SHARE
from trueup.store.alerts.settings import Thresholds, load_thresholds
from trueup.store.alerts.watches import (
    Grant,
    Watch,
    count_commits,
    customers_due,
    gather_usage,
    grants_of,
    note_judged,
    remember_told,
    take_customer,
    told_of,
)
from trueup.store.commits.balances import load_balances
from trueup.store.events.outbox import announce
from trueup.store.postgres.engine import snapshot, transaction
from trueup.store.postgres.retry import with_retries
from trueup.wire.events import EVENT_TYPES
from trueup_worker.invoicing.clock import account_now
from trueup_worker.invoicing.open_months import left_of, open_draws

CUSTOMERS_MAX = 20  # that are named at once


@dataclass(frozen=True, slots=True)
class _Judged:
    """A commit's balance that was held against its thresholds."""

    balance: Balance
    standing: Standing
    judgement: Judgement


def gather(on: Engine, account_id: int) -> int:
    """Hold usage that came in against what its customers' balances can bear; returns how many parts of it.

    Raises:
        DBAPIError: the database is away, and stayed away for as long as it is tried again; nothing is lost.
    """

    def unit() -> int:
        with transaction(on) as connection:
            return gather_usage(connection, account_id)

    return with_retries(unit)


def due_customers(on: Engine, account_id: int) -> list[UUID]:
    """Customers whose balances are to be judged, some of them."""
    with transaction(on) as connection:
        return list(customers_due(connection, account_id, customers_max=CUSTOMERS_MAX))


def judge_customer(on: Engine, account_id: int, customer_id: UUID) -> bool:
    """Judge a customer's balances of one moment and tell what they have come to, in one transaction.

    Any number of callers at once is safe: one works. Where something came meanwhile, they are judged again.

    Returns:
        Whether they were due, and nobody else judged them.

    Raises:
        DBAPIError: the database is away; they stay due.
    """

    def unit() -> bool:
        with transaction(on) as connection:
            watch = take_customer(connection, account_id, customer_id)
            if watch is None:
                return False
            with snapshot(on) as reading:
                _judge(reading, connection, account_id, customer_id, watch)
            return True

    return with_retries(unit)


def _judge(reading: Connection, connection: Connection, account_id: int, customer_id: UUID, watch: Watch) -> None:
    now = account_now(reading, account_id)
    balances = load_balances(reading, account_id, customer_id)
    grants = grants_of(reading, account_id, customer_id)
    left = left_of(balances, open_draws(reading, account_id, [customer_id])) if balances else {}
    commit_ids = sorted({UUID(each.commit_id) for each in balances})
    thresholds = load_thresholds(reading, account_id, commit_ids)
    told = told_of(reading, account_id, commit_ids)
    judged = [
        _Judged(balance, standing, judge(standing, told.get(UUID(balance.commit_id), Told()), _of(thresholds, balance)))
        for balance, standing in _standings(balances, grants, left, now)
    ]
    for each in judged:
        _announce(connection, account_id, customer_id, each)
    changed = {UUID(each.balance.commit_id): each.judgement.told for each in judged}
    remember_told(connection, account_id, {key: new for key, new in changed.items() if new != told.get(key, Told())})
    note_judged(
        connection,
        account_id,
        customer_id,
        watch,
        headroom=_headroom(balances, judged),
        valid_until=_next_change(grants.values(), now),
        commits=count_commits(reading, account_id, customer_id),
        pause_share=BALANCE_PAUSE_SHARE,
    )


def _standings(
    balances: Iterable[Balance], grants: Mapping[str, Grant], left: Mapping[str, Decimal], now: datetime
) -> Iterator[tuple[Balance, Standing]]:
    """Each commit with something that can be used now; the first of its segments speaks for it."""
    usable = [
        each for each in balances if each.starting_at <= now < each.ending_before and grants[each.segment_id].amount
    ]
    for _, group in groupby(usable, key=attrgetter("commit_id")):
        segments = list(group)
        yield (
            segments[0],
            Standing(
                frozenset(each.segment_id for each in segments),
                exact_sum(grants[each.segment_id].amount for each in segments),
                exact_sum(left.get(each.segment_id, max(each.available, Decimal(0))) for each in segments),
            ),
        )


def _of(thresholds: Thresholds, balance: Balance) -> list[Threshold]:
    commit_id = UUID(balance.commit_id)
    return thresholds_of(
        used_percent=thresholds.of("used_percent", commit_id), left_amount=thresholds.of("left_amount", commit_id)
    )


def _announce(connection: Connection, account_id: int, customer_id: UUID, judged: _Judged) -> None:
    noun = "credit" if judged.balance.type == "CREDIT" else "commit"
    facts = {
        "customer_id": customer_id,
        "unit_id": judged.balance.unit_id,
        "granted": f"{judged.standing.granted.normalize():f}",
        "left": f"{judged.standing.left.normalize():f}",
    }
    for each in judged.judgement.reached:
        is_low = each != EXHAUSTED
        crossed = {each.measure: f"{each.at.normalize():f}"} if is_low else {}
        event = EVENT_TYPES[f"{noun}.{'balance_low' if is_low else 'exhausted'}"]
        announce(connection, account_id, event, [UUID(judged.balance.commit_id)], detail=facts | crossed)


def _headroom(balances: Iterable[Balance], judged: Iterable[_Judged]) -> Decimal | None:
    """Usage that can matter costs as much; 0 where an amount of money does not tell what another balance loses.

    It does where all of them pay for a line the same amount of money: what new usage takes from one, lines that it put
    in their place take from others.
    """
    rooms = [each.judgement.headroom for each in judged if each.judgement.headroom is not None]
    if not rooms:
        return None
    kinds = {(each.access_type, each.rate_type) for each in balances if each.available > 0}
    return min(rooms) if kinds in ({("SPEND", "LIST_RATE")}, {("SPEND", "COMMIT_RATE")}, set()) else Decimal(0)


def _next_change(grants: Iterable[Grant], now: datetime) -> datetime | None:
    """The next instant at which other segments can be used."""
    return min((at for each in grants for at in (each.starting_at, each.ending_before) if at > now), default=None)
