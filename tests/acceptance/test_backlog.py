"""Workers die while a long backlog is being worked off."""

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from tests.acceptance.processes import fleet, wait_for
from tests.acceptance.test_exactly_once import assert_reconciled, packs_of, requests_of
from tests.integration.intake import Intake
from trueup.clock import utc_now
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.store.requests.kept_envelopes import Kept, accept
from trueup.wire.message.names import QUEUE_BULK
from trueup.wire.message.packing import write_meta

BACKLOG = 20_000
LEASE_S = 5
DEATHS = 6
SECONDS_MAX = 600


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_workers_are_killed_under_a_backlog(
    database: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Of 20,000 messages, one request each, none is lost when all workers are killed six times: each is kept."""
    account = Intake(database)
    meta = write_meta(account.account, sent_at=utc_now())
    kept = [Kept(meta, each.text, QUEUE_BULK, 1, each.span) for each in packs_of(requests_of(BACKLOG), size=1)]
    for first in range(0, BACKLOG, 1_000):
        with database.begin() as connection:
            accept(connection, account.account_id, kept[first : first + 1_000], lease_s=LEASE_S)
    signer = Signer.of_token(account.token)
    with Publisher(redis_url, account=account.account, signer=signer, queue_limit=BACKLOG + 1) as publisher:
        for each in kept:
            publisher.publish(each.meta, each.requests, queue=QUEUE_BULK)
    with redis.Redis.from_url(redis_url) as broker, ExitStack() as stack:
        assert broker.llen(QUEUE_BULK) == BACKLOG
        running = stack.enter_context(fleet(database_url, redis_url, tmp_path, TRUEUP_LEASE_S=str(LEASE_S)))
        running.scheduler()
        for _ in range(2):
            stack.enter_context(running.restarting("commits,commits.bulk"))
        for death in range(1, DEATHS + 1):
            left = BACKLOG * (1 - death / (2 * DEATHS))
            wait_for(lambda left=left: broker.llen(QUEUE_BULK) < left, what="work", seconds_max=SECONDS_MAX)  # type: ignore[misc]
            for process in running.started[1:]:
                process.send_signal(signal.SIGKILL)
        wait_for(lambda: account.count("commit") == BACKLOG, what="all commits", seconds_max=SECONDS_MAX)
        wait_for(lambda: account.count("intake") == 0, what="nothing to be kept any more", seconds_max=SECONDS_MAX)
    assert account.count("parked") == 0
    assert_reconciled(account)
