"""Alerts against a naive model that remembers everything and computes all of it anew."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import trueup_worker.alerts.balances as judging
import trueup_worker.alerts.timed as telling
from tests.integration.alert_book import DAY, HOUR, BalanceBook, Told
from tests.integration.usage_book import CUSTOMER, START
from trueup.domain.thresholds import Standing, judge, thresholds_of
from trueup.domain.thresholds import Told as ToldOfBalance
from trueup.ids import new_id_text
from trueup.store.alerts.settings import set_thresholds
from trueup.store.commits.balances import load_balances
from trueup.store.postgres.engine import snapshot
from trueup.store.postgres.retry import NotRetried
from trueup_worker.invoicing.open_months import left_of, open_draws

OFFSETS = (1, 7, 30)
SLOWLY = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
SEGMENTS = st.lists(st.tuples(st.integers(-5 * 24, 60 * 24), st.integers(1, 60 * 24)), min_size=1, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(1, 50 * 24)),
        st.tuples(st.sampled_from(["die", "settle", "look"]), st.just(0)),
    ),
    max_size=10,
)


class Killed(NotRetried):
    """A worker ends where it is."""


@dataclass
class Clock:
    """The naive model of alerts by time: instants between two looks."""

    segments: list[tuple[UUID, datetime, datetime]]
    judged: datetime = START
    told: list[Told] = field(default_factory=list)

    def look(self, now: datetime) -> None:
        """Tell of all that fell due since the last look."""
        self.told += self._due(self.judged, now)
        self.judged = now

    def _due(self, since: datetime, now: datetime) -> Iterator[Told]:
        for commit, starts, ends in self.segments:
            if since < starts <= now:
                yield "commit.segment.start", commit, None
            if since < ends <= now:
                yield "commit.segment.end", commit, None
            reached = [days for days in OFFSETS if ends - days * DAY <= now < ends]
            if reached and max(since, starts) < ends - min(reached) * DAY:
                yield "commit.expiring", commit, min(reached)


@SLOWLY
@given(spans=SEGMENTS, steps=STEPS)
def test_time_is_told_as_by_a_naive_model(
    shared_database: Engine, spans: list[tuple[int, int]], steps: list[tuple[str, int]]
) -> None:
    """Whatever clocks do, whoever dies, and however often somebody looks: each instant once, of offsets the nearest."""
    book = BalanceBook(shared_database, name=new_id_text())
    segments = []
    for starts_h, hours in spans:
        starts, ends = START + starts_h * HOUR, START + (starts_h + hours) * HOUR
        segments.append((book.commit("PREPAID", "1", starts=starts, ends=ends, paid=False), starts, ends))
    model, now = Clock(segments), START
    book.told()
    for step, hours in steps:
        if step == "move":
            now += hours * HOUR
            book.to(now)
        elif step == "settle":
            book.settle()
        elif step == "die":
            _die_before_the_commit(book)
        else:
            book.told()
            model.look(now)
    book.told()
    model.look(now)
    assert sorted(map(repr, book.by_time())) == sorted(map(repr, model.told))


def _die_before_the_commit(book: BalanceBook) -> None:
    def die(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(telling, "note_judged", die)
        telling.tell_what_fell_due(book.engine, book.account_id)


@dataclass
class Balances:
    """The naive model of balances: all of them are judged after every line."""

    book: BalanceBook
    told: dict[str, ToldOfBalance] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Judge what is left of every segment."""
        with snapshot(self.book.engine) as connection:
            balances = load_balances(connection, self.book.account_id, CUSTOMER)
            left = left_of(balances, open_draws(connection, self.book.account_id, [CUSTOMER]))
        for each in balances:
            standing = Standing(
                frozenset({each.segment_id}), GRANTED, left.get(each.segment_id, max(each.available, Decimal(0)))
            )
            thresholds = thresholds_of(used_percent=map(Decimal, (50, 80, 100)), left_amount=[Decimal(15)])
            judgement = judge(standing, self.told.get(each.commit_id, ToldOfBalance()), thresholds)
            self.told[each.commit_id] = judgement.told
            self.events += [f"{each.commit_id} {threshold.key}" for threshold in judgement.reached]


GRANTED = Decimal(100)
USAGE = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 40), st.sampled_from(["1", "3"]), st.booleans()),
    min_size=1,
    max_size=6,
)
PAYS = (st.sampled_from([*["money"] * 6, "units", "commit rate"]), *map(st.just, ("units", "commit rate")))
COMMITS = st.one_of(
    st.lists(
        st.tuples(st.sampled_from(["PREPAID", "POSTPAID", "CREDIT"]), st.integers(1, 3), pays), min_size=1, max_size=4
    )
    for pays in PAYS
)


@SLOWLY
@given(commits=COMMITS, usage=USAGE)
def test_balances_are_told_as_by_a_naive_model(
    shared_database: Engine,
    commits: list[tuple[str, int, str]],
    usage: list[tuple[int, int, str, bool]],
) -> None:
    """That small usage is not burnt down misses no threshold, whatever pays for what; who dies tells nothing twice."""
    book = BalanceBook(shared_database, name=new_id_text())
    with book.engine.begin() as connection:
        set_thresholds(connection, book.account_id, "left_amount", [Decimal(15)])
    for kind, priority, pays in commits:
        more = {"priority": str(priority)}
        more |= {"access_type": "QUANTITY"} if pays == "units" else {}
        more |= {"rate_type": "COMMIT_RATE"} if pays == "commit rate" else {}
        book.commit(kind, str(GRANTED), paid=False, **more)
    model = Balances(book)
    for hours, quantity, price, dies in usage:
        book.record(str(quantity), at=START + timedelta(hours=hours), price=price, commit_price="0.9")
        if dies:
            _die_while_judging(book)
        book.low()
        model.look()
        assert sorted(_events(book)) == sorted(model.events)


def _die_while_judging(book: BalanceBook) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    book.later()
    judging.gather(book.engine, book.account_id)
    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(judging, "note_judged", die)
        judging.judge_customer(book.engine, book.account_id, CUSTOMER)


def _events(book: BalanceBook) -> Iterator[str]:
    rows = book.rows("SELECT * FROM outbox WHERE account_id = :account_id ORDER BY seq")
    for row in rows:
        commit, detail = row.subject_ids[0], row.detail
        if row.event.endswith("exhausted"):
            yield f"{commit} exhausted:0"
        elif row.event.endswith("balance_low"):
            measure = "used_percent" if "used_percent" in detail else "left_amount"
            yield f"{commit} {measure}:{detail[measure]}"
