"""Webhooks from event to receiver: nothing lost, nothing doubled, the same bytes, whatever the other side does."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text
from standardwebhooks import Webhook, WebhookVerificationError

from tests.conftest import SECRET_KEY, by_hand
from tests.integration.receivers import Behaviour, Received, Receiver, answers, hang, receiver
from trueup.clock import utc_now
from trueup.errors import Refused
from trueup.ids import new_id
from trueup.limits import WEBHOOK_BODY_BYTES_MAX, WEBHOOK_OBJECTS_S
from trueup.store.accounts.accounts import create_account
from trueup.store.events.outbox import announce
from trueup.store.events.read import read_feed
from trueup.store.events.relay import trim
from trueup.store.webhooks import deliveries
from trueup.store.webhooks.claims import Claimed, endpoints_ready, find_due, take
from trueup.store.webhooks.deliveries import forget_deliveries, list_deliveries, resend, send_test, show_delivery
from trueup.store.webhooks.endpoints import (
    Endpoint,
    change_endpoint,
    create_endpoint,
    find_endpoint,
    rotate_secret,
    switched_off,
)
from trueup.store.webhooks.expansion import Which, expand
from trueup.store.webhooks.standing import Standing, standing
from trueup.wire.events import EventType
from trueup_worker.cli.stack import checks
from trueup_worker.events.relay import relay
from trueup_worker.reporting.reconcile import reconcile
from trueup_worker.webhooks.addresses import AddressPolicy
from trueup_worker.webhooks.bodies import Objects, bodies_of
from trueup_worker.webhooks.outcome import record, settled
from trueup_worker.webhooks.schedule import waits_of
from trueup_worker.webhooks.sender import Attempted, Sender
from trueup_worker.webhooks.signature import new_secret
from trueup_worker.webhooks.turn import Means, deliver

POLICY = AddressPolicy(allows_loopback=True)
SECRET = new_secret()


def no_objects(*_: object) -> dict[UUID, bytes]:
    """Nothing is known of any subject."""
    return {}


def happen(on: Engine, account: int, event: EventType = "commit.created", *, events: int = 1) -> list[UUID]:
    """Some events that have their places."""
    ids = [new_id() for _ in range(events)]
    with on.begin() as connection:
        announce(connection, account, event, ids)
    relay(on)
    return ids


def endpoint(on: Engine, account: int, port: int, *types: EventType, path: str = "/") -> Endpoint:
    """An endpoint at a port of this host."""
    with on.begin() as connection:
        return create_endpoint(
            connection,
            account,
            url=f"http://127.0.0.1:{port}{path}",
            types=types,
            secret=SECRET,
            secret_key=SECRET_KEY,
        )


def means(on: Engine, read_objects: Callable[..., dict[UUID, bytes]] = no_objects, **more: object) -> Means:
    """What a worker sends with."""
    waits = waits_of("1h,2h")
    return Means(on=on, policy=POLICY, read_objects=read_objects, waits=waits, secret_key=SECRET_KEY, **more)  # type: ignore[arg-type]


async def send(on: Engine, *, seconds_max: float = 5, **more: object) -> int:
    """A turn of a worker."""
    async with Sender(POLICY, seconds_max=seconds_max) as sender:
        return await deliver(means(on, **more), sender)  # type: ignore[arg-type]


def run(what: Callable[[Receiver], object], behaviour: Behaviour | None = None) -> None:
    """A test with one receiver."""

    async def with_receiver() -> None:
        async with receiver(behaviour or answers()) as here:
            found = what(here)
            if asyncio.iscoroutine(found):
                await found

    asyncio.run(with_receiver())


def one_after_another(*behaviours: Behaviour) -> Behaviour:
    """A behaviour for each request, the last one from then on."""
    left = list(behaviours)

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(received, writer)

    return behave


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    while not holds():  # noqa: ASYNC110 (nobody tells when it does)
        await asyncio.sleep(0.02)


def claim(connection: Connection, which: Which, *, lease_s: float = 60) -> list[Claimed]:
    """What a worker takes, without bodies."""
    due = find_due(connection, {which: 9})
    take(connection, due, {}, lease_s=lease_s)
    return due


def told_standing(connection: Connection, account: int | None) -> Standing:
    """How the webhooks stand, of which a failing one has failed for a minute."""
    return standing(connection, account, failing_for=timedelta(minutes=1))


def doctors_advice(on: Engine, account: int) -> str:
    """What `trueup doctor` says is to be done about the account's webhooks."""
    here = cast("Any", SimpleNamespace(engine=on, caller=lambda _: SimpleNamespace(account_id=account)))
    [check] = checks._webhooks(here)
    return check.advice


def long_ago(on: Engine, *, failing_days: float, failed_days: float) -> None:
    """Let endpoints have failed for so many days, and for the last time so many days ago."""
    with on.begin() as connection:
        connection.execute(
            text("""UPDATE webhook_endpoint SET failing_since = now() - :failing, failed_at = now() - :failed"""),
            {"failing": timedelta(days=failing_days), "failed": timedelta(days=failed_days)},
        )


def make_due(on: Engine) -> None:
    """Let the waits of the schedule be over."""
    with on.begin() as connection:
        connection.execute(text("UPDATE webhook_delivery SET next_attempt_at = now(), claimed_until = NULL"))


def test_what_is_asked_for_arrives_once(database: Engine, account: int) -> None:
    """In the feed's order, signed, and nothing of other types or from before the endpoint."""

    async def test(here: Receiver) -> None:
        happen(database, account)
        made = endpoint(database, account, here.port, "commit.created")
        ids = happen(database, account, events=700)
        happen(database, account, "invoice.finalized")
        assert await send(database) == 700
        assert await send(database) == 0
        told = [json.loads(each.body) for each in here.received]
        assert [each["data"]["id"] for each in sorted(told, key=lambda each: each["sequence"])] == list(map(str, ids))
        with database.begin() as connection:
            feed = {str(each.id): each.position for each in read_feed(connection, account, limit=1_000).events}
            assert {each.state for each in list_deliveries(connection, account, made.id, limit=1_000)} == {"delivered"}
        for each in here.received:
            body = Webhook(SECRET).verify(each.body, each.headers)
            assert feed[each.headers["webhook-id"]] == body["sequence"]
            assert body["data"]["account"] == "acme"
            assert body["as_of"] >= body["sequence"]

    run(test)


def test_a_delivery_that_failed_has_the_same_bytes(database: Engine, account: int) -> None:
    """And the same id, though the object has changed meanwhile; the log tells of both attempts."""
    versions = iter(range(100))

    def changing(_: object, __: object, ___: object, ids: Sequence[UUID]) -> dict[UUID, bytes]:
        return {each: json.dumps({"version": next(versions)}).encode() for each in ids}

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        await send(database, read_objects=changing)
        with database.begin() as connection:
            (waiting,) = list_deliveries(connection, account, made.id, limit=9)
            assert (waiting.state, waiting.attempts, waiting.status) == ("waiting", 1, 503)
            assert find_endpoint(connection, account, made.id).failing_since
        assert await send(database, read_objects=changing) == 0
        make_due(database)
        await send(database, read_objects=changing)
        first, second = here.received
        assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
        assert json.loads(first.body)["data"]["object"] == {"version": 0}
        with database.begin() as connection:
            log = show_delivery(connection, account, made.id, waiting.id).log
            assert [(each.number, each.status, each.answer) for each in log] == [(1, 503, "down"), (2, 200, "ok")]
            assert find_endpoint(connection, account, made.id).failing_since is None

    run(test, one_after_another(answers(503, b"down"), answers()))


@pytest.mark.parametrize("hours", [1, -1])
def test_a_worker_whose_clock_is_off(
    database: Engine, account: int, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """What it could not deliver is due when all others say so, and its endpoint has failed from now on."""
    monkeypatch.setattr("trueup_worker.webhooks.turn.utc_now", lambda: utc_now() + timedelta(hours=hours))

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        await send(database)
        with database.begin() as connection:
            (waiting,) = list_deliveries(connection, account, made.id, limit=9)
            assert waiting.next_attempt_at
            assert timedelta(minutes=50) < waiting.next_attempt_at - utc_now() < timedelta(minutes=70)
            since = find_endpoint(connection, account, made.id).failing_since
            assert since
            assert abs(utc_now() - since) < timedelta(minutes=1)

    run(test, answers(500))


def test_after_the_last_attempt_it_has_failed(database: Engine, account: int) -> None:
    """It can be sent again by hand, from the beginning of the schedule."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        (event,) = happen(database, account)
        for _ in range(5):
            await send(database)
            make_due(database)
        assert len(here.received) == 3
        with database.begin() as connection:
            (failed,) = list_deliveries(connection, account, made.id, limit=9, state="failed")
            assert failed.subject_id == event
            assert resend(connection, account, made.id, failed=True).count == 1
        await send(database)
        assert len(here.received) == 4
        with database.begin() as connection:
            assert resend(connection, account, made.id, delivery_id=failed.id).count == 1
            assert resend(connection, account, made.id, since=utc_now() + timedelta(days=1)).count == 0
            assert resend(connection, account, made.id, since=utc_now() - timedelta(days=1)).count == 1

    run(test, answers(500))


def test_what_is_sent_again_goes_on_behind_what_was(database: Engine, account: int) -> None:
    """A call takes so many, in the feed's order, and tells where the next one begins."""
    made = endpoint(database, account, 9)
    happen(database, account, events=5)
    with database.begin() as connection:
        expand(connection, [Which(account, made.id)])
        since, reached, told = utc_now() - timedelta(days=1), None, []
        for _ in range(3):
            resent = resend(connection, account, made.id, since=since, after=reached, deliveries_max=2)
            told.append((resent.count, resent.reached))
            reached = resent.reached
    assert told == [(2, 2), (2, 4), (1, None)]


def test_a_success_retries_the_other_failures(database: Engine, account: int) -> None:
    """At once, though their waits are not over; and each of them once, not whenever another goes through."""
    refused: set[str] = set()

    async def stubborn(received: Received, writer: asyncio.StreamWriter) -> None:
        subject = json.loads(received.body)["data"]["id"]
        await answers(500 if subject in refused else 200)(received, writer)

    async def test(here: Receiver) -> None:
        endpoint(database, account, here.port)
        others = list(map(str, happen(database, account, events=3)))
        refused.update(others)
        await send(database)
        refused.remove(others[0])
        refused.remove(others[1])
        happen(database, account)
        await send(database)
        assert len(here.received) == 3 + 1 + 3
        for _ in range(3):
            happen(database, account)
            await send(database)
        assert len(here.received) == 3 + 1 + 3 + 3

    run(test, stubborn)


def test_a_worker_that_dies_while_it_records(database: Engine, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outcome is not noted without what it says of its endpoint: else what failed before would wait on."""
    refusing = [True]

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        await answers(500 if refusing[0] else 200)(received, writer)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        await send(database)
        refusing[0] = False
        happen(database, account)
        with monkeypatch.context() as dying:
            dying.setattr("trueup_worker.webhooks.outcome.note_success", die)
            with pytest.raises(KeyboardInterrupt):
                await send(database)
        with database.begin() as connection:
            assert {each.state for each in list_deliveries(connection, account, made.id, limit=9)} == {"waiting"}
        make_due(database)
        await send(database)
        with database.begin() as connection:
            assert {each.state for each in list_deliveries(connection, account, made.id, limit=9)} == {"delivered"}
            assert find_endpoint(connection, account, made.id).failing_since is None

    run(test, behave)


def test_410_switches_an_endpoint_off(database: Engine, account: int) -> None:
    """It says so by an event; nothing more is sent until somebody switches it on, then all that happened since."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port, "commit.created")
        happen(database, account)
        await send(database)
        happen(database, account, events=2)
        assert await send(database) == 0
        with database.begin() as connection:
            assert [(each.id, each.reason) for each in switched_off(connection)] == [(made.id, "gone")]
            assert find_endpoint(connection, account, made.id).behind == 3
            assert told_standing(connection, account) == Standing(
                enabled=0, switched_off=1, failing=0, events_behind=0, overdue_seconds=0
            )
            (told,) = read_feed(connection, account, types=["webhook.disabled"], limit=9).events
            assert (told.subject_id, told.facts) == (made.id, {"reason": "gone"})
            change_endpoint(connection, account, made.id, enabled=True)
        assert await send(database) == 2 + 1

    run(test, one_after_another(answers(410), answers()))


@pytest.mark.parametrize("statuses", [(410, 503), (410, 200), (503, 410)])
def test_a_410_among_others_switches_an_endpoint_off(database: Engine, account: int, statuses: tuple[int, ...]) -> None:
    """Whatever the attempts that are recorded with it came to."""
    which = which_of(database, account)
    happen(database, account, events=len(statuses))
    with database.begin() as connection:
        expand(connection, [which])
        due = claim(connection, which)
    answered = [
        Attempted(duration_s=0, status=each, error=None if each == 200 else f"answered {each}") for each in statuses
    ]
    record(database, [settled(*each, waits_of("5s"), at=utc_now()) for each in zip(due, answered, strict=True)])
    with database.begin() as connection:
        assert find_endpoint(connection, account, which.id).disabled_reason == "gone"


def test_five_days_of_failures_switch_it_off(database: Engine, account: int) -> None:
    """Not before, and not where something went through meanwhile."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        await send(database)
        for days, is_on in ((4.9, True), (5.1, False)):
            since = utc_now() - timedelta(days=days)
            with database.begin() as connection:
                connection.execute(text("UPDATE webhook_endpoint SET failing_since = :since"), {"since": since})
            make_due(database)
            await send(database)
            with database.begin() as connection:
                assert find_endpoint(connection, account, made.id).is_enabled is is_on
                assert told_standing(connection, None).failing == is_on

    run(test, answers(500))


def test_a_failure_after_a_long_quiet_time_begins_anew(database: Engine, account: int) -> None:
    """What failed for good a month ago says nothing about today."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        for _ in range(3):
            await send(database)
            make_due(database)
        with database.begin() as connection:
            assert len(list_deliveries(connection, account, made.id, limit=9, state="failed")) == 1
        long_ago(database, failing_days=30, failed_days=27)
        happen(database, account)
        await send(database)
        with database.begin() as connection:
            found = find_endpoint(connection, account, made.id)
        assert found.is_enabled
        assert found.failing_since is not None
        assert found.failing_since > utc_now() - timedelta(minutes=5)

    run(test, answers(500))


@pytest.mark.parametrize("is_expanded", [True, False])
def test_what_nobody_tries_is_told(database: Engine, account: int, *, is_expanded: bool) -> None:
    """Whether it waits as a delivery or in the feed yet; not what fails, and waits for its next attempt."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account, events=3)
        if is_expanded:
            with database.begin() as connection:
                expand(connection, [Which(account, made.id)])
        with by_hand(database) as connection:
            connection.execute(text("UPDATE outbox SET created_at = now() - interval '20 minutes'"))
            connection.execute(text("UPDATE webhook_delivery SET next_attempt_at = now() - interval '20 minutes'"))
        with database.begin() as connection:
            assert told_standing(connection, account).overdue_seconds == pytest.approx(1_200, abs=60)
            assert [each.check for each in reconcile(connection, account)] == ["webhook_overdue"]
        assert "process `events`" in doctors_advice(database, account)
        await send(database)
        assert doctors_advice(database, account) == ""
        with database.begin() as connection:
            assert told_standing(connection, account).overdue_seconds == 0
            assert reconcile(connection, account) == []

    run(test, answers(500))


def test_few_events_switch_it_off_as_well(database: Engine, account: int) -> None:
    """One every four days: each is given up before the next one fails, and the failures are of one trouble."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        for days in (0.1, 4.9, 5.1):
            long_ago(database, failing_days=days, failed_days=4)
            happen(database, account)
            await send(database)
            with database.begin() as connection:
                assert find_endpoint(connection, account, made.id).is_enabled == (days < 5)
            for _ in range(2):
                make_due(database)
                await send(database)

    run(test, answers(500))


def test_what_waits_in_a_worker_knows_of_changes(database: Engine, account: int) -> None:
    """Soon after the URL has changed nothing is sent to the old one, and all to the new one."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port, path="/old")
        happen(database, account, events=400)

        async def change(received: Received, writer: asyncio.StreamWriter) -> None:
            if len(here.received) == 20:
                with database.begin() as connection:
                    change_endpoint(connection, account, made.id, url=made.url.replace("old", "new"))
            if len(here.received) >= 20 and received.path == "/old":
                await asyncio.sleep(0.2)
            await answers()(received, writer)

        behaviours.append(change)
        assert await send(database, seconds_max=60) == 400
        assert len({each.headers["webhook-id"] for each in here.received}) == len(here.received) == 400
        assert sum(each.path == "/old" for each in here.received) < 150

    behaviours: list[Behaviour] = []

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        await behaviours[0](received, writer)

    run(test, behave)


def test_after_a_410_nothing_that_waits_in_the_worker_is_sent(database: Engine, account: int) -> None:
    """But for what is on its way already."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account, events=300)
        await send(database)
        assert len(here.received) < 100
        with database.begin() as connection:
            assert find_endpoint(connection, account, made.id).disabled_reason == "gone"
            held = connection.scalar(text("SELECT count(*) FROM webhook_delivery WHERE claimed_until IS NOT NULL"))
        assert held == 0

    run(test, one_after_another(*[answers()] * 20, answers(410)))


def test_an_old_secret_that_nobody_can_open_signs_no_more(database: Engine, account: int) -> None:
    """It was sealed under a key that is gone: the new one was made because of that."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        with database.begin() as connection:
            connection.execute(text("UPDATE webhook_endpoint SET secret = 'sealed by another key'"))
            assert rotate_secret(connection, account, made.id, secret=SECRET, secret_key=SECRET_KEY, overlap_h=1)
        happen(database, account)
        await send(database)
        (received,) = here.received
        Webhook(SECRET).verify(received.body, received.headers)
        assert len(received.headers["webhook-signature"].split()) == 1

    run(test)


def test_rotation_with_overlap(database: Engine, account: int) -> None:
    """Both secrets sign, for as long as was said; then the new one alone."""
    new = new_secret()

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        with database.begin() as connection:
            assert rotate_secret(connection, account, made.id, secret=new, secret_key=SECRET_KEY, overlap_h=1)
            send_test(connection, account, made.id)
        await send(database)
        for known in (SECRET, new):
            assert Webhook(known).verify(here.received[0].body, here.received[0].headers)["type"] == "webhook.test"
        with database.begin() as connection:
            connection.execute(text("UPDATE webhook_endpoint SET previous_until = now()"))
            send_test(connection, account, made.id)
        await send(database)
        signatures = [each.headers["webhook-signature"].split() for each in here.received]
        assert [len(each) for each in signatures] == [2, 1]
        Webhook(new).verify(here.received[1].body, here.received[1].headers)

    run(test)


def test_each_secret_signs_until_its_own_overlap_ends(database: Engine, account: int) -> None:
    """Rotated again within it, the first goes on; five sign at once, a sixth is refused; without overlap one does."""

    def rotate(made: Endpoint, overlap_h: int) -> str:
        new = new_secret()
        with database.begin() as connection:
            rotate_secret(connection, account, made.id, secret=new, secret_key=SECRET_KEY, overlap_h=overlap_h)
        return new

    async def signed(here: Receiver, made: Endpoint) -> Received:
        with database.begin() as connection:
            send_test(connection, account, made.id)
        await send(database)
        return here.received[-1]

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        known = [SECRET, *(rotate(made, overlap_h) for overlap_h in (9, 1, 2, 3))]
        told = await signed(here, made)
        for each in known:
            assert Webhook(each).verify(told.body, told.headers)
        with pytest.raises(Refused, match="5 secrets sign"):
            rotate(made, 1)
        with database.begin() as connection:
            until = find_endpoint(connection, account, made.id).previous_until
            assert until
            assert until > utc_now() + timedelta(hours=8)
            connection.execute(text("UPDATE webhook_endpoint SET older_until[2] = now()"))
        told = await signed(here, made)
        assert [signs(each, told) for each in known] == [True, False, True, True, True]
        known.append(rotate(made, 1))
        told = await signed(here, made)
        assert [signs(each, told) for each in known] == [True, False, True, True, True, True]
        known.append(rotate(made, 0))
        told = await signed(here, made)
        assert [signs(each, told) for each in known] == [False] * 6 + [True]

    run(test)


def signs(secret: str, told: Received) -> bool:
    """Whether a secret signed a delivery."""
    try:
        Webhook(secret).verify(told.body, told.headers)
    except WebhookVerificationError:
        return False
    return True


def test_an_object_that_is_too_large_is_left_out(database: Engine, account: int) -> None:
    """The delivery says so, and the receiver asks for it."""

    def huge(_: object, __: object, ___: object, ids: Sequence[UUID]) -> dict[UUID, bytes]:
        return dict.fromkeys(ids, b'"' + b"x" * WEBHOOK_BODY_BYTES_MAX + b'"')

    async def test(here: Receiver) -> None:
        endpoint(database, account, here.port)
        happen(database, account)
        await send(database, read_objects=huge)
        assert json.loads(here.received[0].body)["data"].keys() == {"id", "account", "truncated"}

    run(test)


def test_an_object_that_takes_too_long_is_left_out(database: Engine, account: int) -> None:
    """What the database gives up goes without its object, and keeps nobody waiting."""

    def endless(connection: Connection, *_: object) -> dict[UUID, bytes]:
        connection.execute(text("SET LOCAL statement_timeout = 1"))
        connection.execute(text("SELECT pg_sleep(60)"))
        return {}

    async def test(here: Receiver) -> None:
        endpoint(database, account, here.port)
        happen(database, account)
        assert await send(database, read_objects=endless) == 1
        assert json.loads(here.received[0].body)["data"].keys() == {"id", "account", "truncated"}

    run(test)


def test_objects_that_are_slow_to_read_are_left_out_for_a_while(database: Engine, account: int) -> None:
    """So that one account's of a kind keep nobody waiting for long; no statement may take much time."""
    now, asked = [0.0], []

    def read(connection: Connection, account_id: int, kind: str, *_: object) -> dict[UUID, bytes]:
        asked.append((now[0], account_id, kind))
        assert connection.scalar(text("SHOW statement_timeout")) == f"{WEBHOOK_OBJECTS_S:g}s"
        now[0] += 2 if (account_id, kind) == (account, "commit") else 0
        return {}

    objects = Objects(read, clock=lambda: now[0])
    with database.begin() as connection:
        other = create_account(connection, "other", now=utc_now()).id
    both = [which_of(database, each) for each in (account, other)]
    for at in (0, 10, 22.1):
        now[0] = at
        for each in (account, other):
            happen(database, each)
            happen(database, each, "invoice.finalized")
        with database.begin() as connection:
            expand(connection, both)
            due = find_due(connection, dict.fromkeys(both, 9), dict.fromkeys(both, 9))
            bodies = [(each, json.loads(body)) for each, body in bodies_of(connection, due, objects)]
            told = {(each.account_id, body["type"]): body["data"] for each, body in bodies}
            take(connection, due, {})
        truncated = {each for each, data in told.items() if "truncated" in data}
        assert len(told) == 4
        assert truncated == ({(account, "commit.created")} if at == 10 else set())
    assert [at for at, account_id, kind in asked if (account_id, kind) == (account, "commit")] == [0, 22.1]


def which_of(on: Engine, account: int) -> Which:
    """An endpoint of an account, without anybody behind it."""
    return Which(account, endpoint(on, account, 9).id)


def test_endpoints_that_hang_delay_nobody(database: Engine, account: int) -> None:
    """Fifty of them, each with more than is sent at once, of the same account and of another."""

    async def test(here: Receiver) -> None:
        with database.begin() as connection:
            other = create_account(connection, "other", now=utc_now()).id
        async with AsyncExitStack() as stack:
            silent = await stack.enter_async_context(receiver(hang))
            for number in range(50):
                endpoint(database, (account, other)[number % 2], silent.port, path=f"/{number}")
            quick = endpoint(database, account, here.port)
            for each in (account, other):
                happen(database, each, events=20)
            turn = asyncio.create_task(send(database, seconds_max=60))
            for arrived in (20, 40):  # long before the first that hangs is given up
                async with asyncio.timeout(20):
                    await until(lambda: len(here.received) >= arrived)  # noqa: B023 (called at once)
                happen(database, account, events=20)
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            with database.begin() as connection:
                assert len(list_deliveries(connection, account, quick.id, limit=99, state="delivered")) >= 20

    run(test)


@pytest.mark.slow
def test_a_thousand_that_are_down_delay_nobody(database: Engine, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them refuse, half say nothing; who is well is served meanwhile, of an account of theirs and of another.

    As soon as it begins, and as all of them are tried again: before the first that says nothing is given up.
    """
    given_up = text("SELECT count(*) FROM webhook_attempt WHERE error LIKE 'no answer%'")
    monkeypatch.setattr("trueup_worker.webhooks.spare_time.WEBHOOK_BUSY_PER_S", 10_000)  # however busy this host is

    async def test(here: Receiver) -> None:
        with database.begin() as connection:
            others = [create_account(connection, f"down {n}", now=utc_now()).id for n in range(21)]
        async with AsyncExitStack() as stack:
            silent = await stack.enter_async_context(receiver(hang))
            refusing = await stack.enter_async_context(receiver(hang))
            assert refusing.server is not None
            refusing.server.close()
            for number in range(1_000):
                endpoint(database, others[number // 49], (silent, refusing)[number % 2].port, path=f"/{number}")
            endpoint(database, account, here.port, path="/other")
            endpoint(database, others[0], here.port, path="/same")
            for one in (*others, account):
                happen(database, one, events=3)
            turn = asyncio.create_task(send(database, seconds_max=150))
            await until(lambda: len(here.received) >= 6)
            await until(lambda: silent.connections >= 500)
            for one in (others[0], account):
                happen(database, one, events=3)
            make_due(database)
            await until(lambda: len(here.received) >= 12)
            assert {each.path for each in here.received} == {"/other", "/same"}
            with database.begin() as connection:
                assert connection.scalar(given_up) == 0
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn

    run(test)


def test_endpoints_that_are_full_starve_nobody(database: Engine, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than are taken forward at once, all behind, all of accounts before another's."""
    monkeypatch.setattr("trueup.store.webhooks.expansion.WEBHOOK_WAITING_MAX", 1)
    monkeypatch.setattr("trueup_worker.webhooks.feed_order._AT_ONCE", 50)
    refusing = set[str]()

    async def behave(received: Received, writer: asyncio.StreamWriter) -> None:
        await answers(500 if received.path in refusing else 200)(received, writer)

    async def test(here: Receiver) -> None:
        with database.begin() as connection:
            other, later = (create_account(connection, name, now=utc_now()).id for name in ("other", "later"))
        for number in range(60):
            path = f"/{number}"
            refusing.add(path)
            endpoint(database, (account, other)[number % 2], here.port, path=path)
        for each in (account, other):
            happen(database, each)
        assert await send(database) == 60
        for each in (account, other):
            happen(database, each)
        endpoint(database, later, here.port, path="/later")
        happen(database, later)
        assert await send(database) == 1
        assert here.received[-1].path == "/later"

    run(test, behave)


def test_what_a_dead_worker_held_is_due_again(database: Engine, account: int) -> None:
    """After its lease; an outcome of the attempt that was given up counts no more."""

    async def test(here: Receiver) -> None:
        made = endpoint(database, account, here.port)
        happen(database, account)
        await send(database)
        happen(database, account)
        with database.begin() as connection:
            expand(connection, [Which(account, made.id)])
        with database.begin() as connection:
            (held,) = claim(connection, Which(account, made.id), lease_s=0.2)
            assert claim(connection, Which(account, made.id)) == []
        assert (held.body, held.attempts) == (None, 1)
        await asyncio.sleep(0.25)
        with database.begin() as connection:
            assert [each.id for each in endpoints_ready(connection)] == [made.id]
        assert await send(database) == 1

    run(test)


def test_a_worker_that_is_told_to_stop(database: Engine, account: int) -> None:
    """It gives back what it has not sent."""
    asked = iter([False, False, *[True] * 1_000])

    async def test(here: Receiver) -> None:
        endpoint(database, account, here.port)
        happen(database, account, events=30)
        await send(database, seconds_max=0.3, is_stopping=lambda: next(asked))
        with database.begin() as connection:
            still = connection.scalar(text("SELECT count(*) FROM webhook_delivery WHERE claimed_until IS NOT NULL"))
        assert still == 0

    run(test, hang)


def test_two_workers_at_once(database: Engine, account: int) -> None:
    """Each delivery is sent once."""

    async def test(here: Receiver) -> None:
        for number in range(4):
            endpoint(database, account, here.port, path=f"/{number}")
        happen(database, account, events=300)
        assert sum(await asyncio.gather(send(database), send(database), send(database))) == 1_200
        names = [(each.path, each.headers["webhook-id"]) for each in here.received]
        assert len(names) == len(set(names)) == 1_200

    run(test)


def test_first_attempts_begin_in_order_whoever_makes_them(database: Engine, account: int) -> None:
    """While one worker has taken some, another takes none of the same endpoint; once they are settled, it does."""
    which = which_of(database, account)
    happen(database, account, events=30)
    with database.begin() as connection:
        expand(connection, [which])
        ours = find_due(connection, {which: 9})
        take(connection, ours, {})
    with database.begin() as connection:
        assert find_due(connection, {which: 20}) == []
    with database.begin() as connection:
        assert [each.position for each in find_due(connection, {which: 20}, {which: 9})] == [*range(10, 21)]
    failed = Attempted(duration_s=0, error="refused")
    record(database, [settled(each, failed, waits_of("1h"), at=utc_now()) for each in ours])
    with database.begin() as connection:
        assert len(find_due(connection, {which: 20})) == 20


def test_what_waits_at_an_endpoint_that_is_off_is_forgotten(database: Engine, account: int) -> None:
    """After the time for which events are kept; not what waits at one that is on."""
    off, on = (endpoint(database, account, 9, path=path) for path in ("/off", "/on"))
    happen(database, account)
    with database.begin() as connection:
        for each in (off, on):
            expand(connection, [Which(account, each.id)])
        change_endpoint(connection, account, off.id, enabled=False)
        connection.execute(text("UPDATE webhook_delivery SET happened_at = now() - interval '31 days'"))
        assert forget_deliveries(connection, days=30, limit=9) == 0
        connection.execute(
            text("UPDATE webhook_endpoint SET disabled_at = now() - interval '31 days' WHERE state = 'disabled'")
        )
        assert forget_deliveries(connection, days=30, limit=9) == 1
        assert [len(list_deliveries(connection, account, each.id, limit=9)) for each in (off, on)] == [0, 1]


def test_failed_deliveries_are_found_without_the_others(database: Engine, account: int) -> None:
    """However many were delivered since."""
    made = endpoint(database, account, 9)
    happen(database, account)
    with database.begin() as connection:
        expand(connection, [Which(account, made.id)])
        connection.execute(text("UPDATE webhook_delivery SET state = 'failed', finished_at = now()"))
        connection.execute(
            text("""
            INSERT INTO webhook_delivery (account_id, endpoint_id, event_id, position, type, subject_id, facts,
                                          happened_at, state, next_attempt_at, finished_at)
            SELECT account_id, endpoint_id, gen_random_uuid(), position + n, type, subject_id, facts, happened_at,
                   'delivered', next_attempt_at, now()
              FROM webhook_delivery, generate_series(1, 5000) AS n
            """)
        )
        connection.execute(text("ANALYZE webhook_delivery"))
        assert len(list_deliveries(connection, account, made.id, limit=9, state="failed")) == 1
        which = {"account_id": account, "endpoint_id": made.id, "limit": 9, "failed": True}
        plan = connection.scalar(
            text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {deliveries._LIST.given(which).text}"), which
        )
    assert plan[0]["Plan"]["Shared Hit Blocks"] < 30


def test_trimming_waits_for_endpoints(database: Engine, account: int) -> None:
    """For one that is switched on, for as long again as events are kept; for one that is off it does not."""
    made = endpoint(database, account, 9)
    happen(database, account, events=3)
    happen(database, account)

    def let_pass(days: int) -> int:
        with by_hand(database) as connection:
            connection.execute(text("UPDATE outbox SET created_at = now() - make_interval(days => :d)"), {"d": days})
            connection.execute(text("UPDATE feed SET oldest_at = now() - make_interval(days => :d)"), {"d": days})
        with database.begin() as connection:
            return trim(connection, days=30, rows_max=100)

    assert let_pass(31) == 0
    with database.begin() as connection:
        connection.execute(text("UPDATE webhook_endpoint SET position = 3"))
    assert let_pass(31) == 1
    assert let_pass(61) == 1
    happen(database, account)
    with database.begin() as connection:
        change_endpoint(connection, account, made.id, enabled=False)
    assert let_pass(31) == 1
