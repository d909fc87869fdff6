"""Gauges of what all accounts share, as the scheduler tells them."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from sqlalchemy import Engine, text

from tests.conftest import SECRET_KEY, RunningServices
from tests.integration.intake import Intake
from trueup.clock import utc_now
from trueup.producer.publish import Publisher
from trueup.settings import Settings, read_settings
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.wire.message.names import QUEUE_BULK
from trueup.wire.message.packing import write_meta
from trueup_worker.local.servers.server import free_port
from trueup_worker.scheduling.gauges import Gauges

Told = dict[tuple[str, ...], float]


@pytest.fixture
def given(database: Engine, services: RunningServices) -> Settings:
    """Settings of a scheduler before an empty broker."""
    with redis.Redis.from_url(services.redis_url) as client:
        client.flushall()
    return read_settings(
        database_url=database.url.set(drivername="postgresql").render_as_string(hide_password=False),
        broker_url=services.redis_url,
        secret_key=SECRET_KEY,
    )


def told_by(settings: Settings) -> dict[str, Told]:
    """Name, then value of the label, where there is one, of each gauge."""
    with closing(Gauges(settings)) as gauges:
        return {
            family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
            for family in gauges.collect()
        }


def test_when_nothing_waits(given: Settings) -> None:
    """Every gauge is there, and 0."""
    told = told_by(given)
    assert told.pop("trueup_database_up") == told.pop("trueup_broker_up") == {(): 1.0}
    assert {value for values in told.values() for value in values.values()} == {0.0}
    assert {("other",), ("transient",)} <= told["trueup_parked"].keys()
    assert ("invoices",) in told["trueup_queue_messages"]
    assert told["trueup_queue_oldest_seconds"] == {}


def test_what_waits_is_told(given: Settings, database: Engine) -> None:
    """Kept envelopes and parked messages by reason, each with its number; how long the oldest has waited."""
    intake = Intake(database)
    with database.begin() as connection:
        accept(connection, intake.account_id, [Kept("{}", "[]", "commits", 1)], lease_s=60)
        connection.execute(text("UPDATE intake SET accepted_at = now() - interval '90 s'"))
        for reason, state in (("transient", "parked"), ("transient", "parked"), ("id_conflict", "discarded")):
            connection.execute(
                text("""
                    INSERT INTO parked (account_id, reason, task, meta, requests, digest, state)
                    VALUES (:account, :reason, 't', '', '', CAST(:digest AS bytea), :state)
                """),
                {"account": intake.account_id, "reason": reason, "state": state, "digest": uuid4().bytes},
            )
    told = told_by(given)
    assert told["trueup_kept_envelopes"] == {(): 1.0}
    assert 90 <= told["trueup_kept_oldest_seconds"][()] < 200
    assert told["trueup_parked"]["transient",] == 2
    assert told["trueup_parked"]["id_conflict",] == 0


def test_the_oldest_message_tells_its_age(given: Settings) -> None:
    """Of two, the one that is taken next; by its sender's clock."""
    with Publisher(str(given.broker_url), account="a", signer=None) as publisher:
        for hours in (2, 1):
            publisher.publish(write_meta("a", sent_at=utc_now() - timedelta(hours=hours)), "[]", queue=QUEUE_BULK)
    told = told_by(given)
    assert told["trueup_queue_messages"]["commits.bulk",] == 2
    assert 7_200 <= told["trueup_queue_oldest_seconds"]["commits.bulk",] < 7_300


@pytest.mark.parametrize("garbage", [b"", b"{}", b"[1", b"\xff\xfe", b'{"body": "x", "headers": {}, "properties": {}}'])
def test_garbage_on_a_queue_has_no_age(given: Settings, garbage: bytes) -> None:
    """Its worker parks it; here it is left out, and all else is told."""
    with redis.Redis.from_url(str(given.broker_url)) as client:
        client.lpush(QUEUE_BULK, garbage)
    told = told_by(given)
    assert told["trueup_broker_up"] == {(): 1.0}
    assert ("commits.bulk",) not in told["trueup_queue_oldest_seconds"]
    assert told["trueup_queue_messages"]["commits.bulk",] == 1


def test_what_is_away_is_told(given: Settings) -> None:
    """Without database or broker the gauge of each says so, and what it would have told is left out."""
    nowhere = f"127.0.0.1:{free_port()}"
    told = told_by(given.model_copy(update={"database_url": f"postgresql://trueup@{nowhere}/trueup"}))
    assert (told["trueup_database_up"], told["trueup_broker_up"]) == ({(): 0.0}, {(): 1.0})
    assert "trueup_kept_envelopes" not in told
    told = told_by(given.model_copy(update={"broker_url": f"redis://{nowhere}/0"}))
    assert (told["trueup_database_up"], told["trueup_broker_up"]) == ({(): 1.0}, {(): 0.0})
    assert told["trueup_queue_messages"] == {}
