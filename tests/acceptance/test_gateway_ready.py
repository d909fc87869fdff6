"""Readiness proves the way of a create: to a worker and back."""

import redis
from sqlalchemy import text

from tests.acceptance.gateway import gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid

TABLES = ("commit", "outcome", "intake", "parked", "delivery")


def rows(account: Intake) -> dict[str, int]:
    """How many rows there are, of whatever account."""
    with account.engine.connect() as connection:
        return {each: connection.execute(text(f"SELECT count(*) FROM {each}")).scalar_one() for each in TABLES}


def test_the_way_to_a_worker(module_fleet: Fleet, account: Intake) -> None:
    """Without a worker it is not open, with one it is, behind any backlog; a probe leaves nothing anywhere."""
    own = {"TRUEUP_BROKER_URL": module_fleet.redis_url.rsplit("/", 1)[0] + "/10"}
    before = rows(account)
    with (
        gateway(module_fleet, account.token, **own) as here,
        redis.Redis.from_url(own["TRUEUP_BROKER_URL"]) as broker,
    ):
        told = here.call("GET", "/readyz", token="")
        assert (told.status, told.json["checks"]["workers"]) == (503, False)
        assert {check for check, holds in told.json["checks"].items() if not holds} == {"workers"}
        assert here.call("GET", "/healthz", token="").status == 503
        module_fleet.worker("commits", **own)
        wait_for(lambda: here.call("GET", "/readyz", token="").status == 200, what="the way to be open")
        wait_for(lambda: broker.keys("*unacked*") == [] and broker.llen("probes") == 0, what="the probes to be over")
        assert rows(account) == before
        assert here.create(prepaid()).status == 200
