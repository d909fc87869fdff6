"""A message that kills its workers in Celery's own code ends like one that kills them in ours."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from tests.acceptance.processes import fleet, wait_for
from tests.integration.intake import Intake
from tests.messages import good_message
from trueup.wire.message.names import QUEUE_SINGLE


@pytest.mark.slow
def test_a_message_that_kills_before_its_task(
    database: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """Its deaths are noted where it is taken, by content: in the end it is parked as if its task had seen them."""
    account = Intake(database)
    (poison, message), (good, beside) = (good_message(account.account, account.token) for _ in range(2))

    def reasons() -> list[Any]:
        return account.rows("SELECT reason, request_id::text FROM parked WHERE account_id = :a")

    with fleet(database_url, redis_url, tmp_path) as running, redis.Redis.from_url(redis_url) as broker:
        with running.restarting(QUEUE_SINGLE, app="tests.acceptance.dying_in_celery", TRUEUP_TEST_POISON=poison):
            broker.lpush(QUEUE_SINGLE, json.dumps(message))
            broker.lpush(QUEUE_SINGLE, json.dumps(beside))
            wait_for(reasons, what="it to be parked", seconds_max=120)
            wait_for(lambda: account.count("commit"), what="the other to be decided")
            wait_for(lambda: not broker.keys("trueup:taken:*"), what="both to be acknowledged")
        killed = sum(process.poll() == -signal.SIGKILL for process in running.started)
    assert killed == 5
    assert reasons() == [("kills_worker", poison)]
    assert account.rows("SELECT outcome, request_id::text FROM outcome WHERE account_id = :a") == [("parked", poison)]
    assert account.rows("SELECT id::text FROM commit WHERE account_id = :a") == [(good,)]
    assert account.count("delivery") == 0
