"""Changes over HTTP that the client sends again by itself: made once, whatever became of the first answer."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.acceptance.test_gateway_balances import ADJUST, made, segment
from tests.chaos.proxy import Ambush, Proxy
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake
from tests.integration.test_intake import ACME, prepaid
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup_worker.scheduling.tidy import tidy

DOOR = "gateway"
AGAIN = {"x-stainless-retry-count": "1"}


@pytest.fixture(scope="module")
def proxy(module_database: Engine) -> Iterator[Proxy]:
    """What stands between the gateway and Postgres."""
    port = module_database.url.port
    assert port
    with closing(Proxy(port)) as made:
        yield made


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake, proxy: Proxy) -> Iterator[Gateway]:
    """A gateway behind that proxy."""
    through = make_url(module_fleet.database_url).set(host="127.0.0.1", port=proxy.open_door(DOOR))
    url = through.render_as_string(hide_password=False)
    with gateway(module_fleet, account.token, TRUEUP_DATABASE_URL=url) as running:
        yield running


@pytest.fixture
def token(account: Intake) -> str:
    """A token that no gateway has heard of."""
    with account.engine.begin() as connection:
        return create_token(connection, account_id=account.account_id, scopes=SCOPES, secret_key=SECRET_KEY)


def lost(here: Gateway, proxy: Proxy, path: str, *, token: str, reaches: bool, **more: Any) -> Answer:
    """The answer to a call whose COMMIT is lost, or reaches Postgres and is not answered."""
    here.call("GET", "/v1/customers", token=token)  # it is known now, for a second: the next COMMIT is the call's
    ambush = Ambush(frozenset({DOOR}), reaches=reaches)
    proxy.lie_in_wait(ambush)
    answer = here.call("POST", path, token=token, **more)
    assert ambush.happened.is_set()
    return answer


@pytest.mark.parametrize("reaches", [True, False])
def test_a_lost_commit(
    here: Gateway,
    account: Intake,
    token: str,
    proxy: Proxy,
    reaches: bool,  # noqa: FBT001
) -> None:
    """Nobody is told that nothing was kept, or to try again; whoever does all the same makes one customer."""
    body = {"name": f"lost {uuid4()}"}
    told = lost(here, proxy, "/v1/customers", token=token, reaches=reaches, json=body)
    assert (told.status, told.headers["x-should-retry"]) == (503, "false")
    assert "retry-after" not in told.headers
    assert "nothing" not in told.text
    again = here.call("POST", "/v1/customers", token=token, json=body, headers=AGAIN)
    name = body["name"]
    assert account.rows(f"SELECT CAST(id AS text) FROM customer WHERE account_id = :a AND name = '{name}'") == [
        (again.json["data"]["id"],)
    ]


@pytest.mark.parametrize("new", ["true", "false"])
def test_an_upload_whose_opening_is_lost(here: Gateway, account: Intake, token: str, proxy: Proxy, new: str) -> None:
    """Nothing of it was kept, as its answer says."""
    upload = {"content": f"{json.dumps(prepaid())}\n", "headers": {"content-type": "application/jsonl"}}
    told = lost(here, proxy, f"/v1/batches?new={new}", token=token, reaches=True, **upload)
    assert (told.status, told.headers["retry-after"]) == (503, "2")
    assert (account.rows("SELECT sum(rows) FROM batch"), account.count("intake")) == ([(0,)], 0)


@pytest.mark.parametrize("keyed", [True, False])
def test_an_entry_by_hand(here: Gateway, account: Intake, keyed: bool) -> None:  # noqa: FBT001
    """The client's own retry gets the id of the first entry, even where a new one would be refused by now."""
    commit_id = made(account)
    body = {"id": commit_id, "customer_id": ACME, "segment_id": segment(account, commit_id), "amount": 1, "reason": "x"}
    body |= {"uniqueness_key": commit_id} if keyed else {}
    first = here.call("POST", ADJUST, json=body)
    archived = {"commit_id": commit_id, "customer_id": ACME}
    assert here.call("POST", "/v2/contracts/commits/archive", json=archived).status == 200
    again = here.call("POST", ADJUST, json=body, headers=AGAIN)
    assert (again.status, again.json) == (200, first.json)
    assert here.call("POST", ADJUST, json=body).status == (409 if keyed else 400)


def test_two_that_mean_it(here: Gateway, account: Intake) -> None:
    """What is no retry is booked each time, and other content is no retry."""
    commit_id = made(account)
    body = {"id": commit_id, "customer_id": ACME, "segment_id": segment(account, commit_id), "amount": 1, "reason": "x"}
    said = [(body, {}), (body, {}), (body | {"amount": 2}, AGAIN)]
    ids = {here.call("POST", ADJUST, json=each, headers=headers).json["data"]["id"] for each, headers in said}
    assert len(ids) == 3


def test_a_retry_beside_its_first_try(here: Gateway, account: Intake) -> None:
    """It waits for it: both are answered with the one product."""
    body = {"name": f"once {uuid4()}", "type": "FIXED"}

    def create(headers: dict[str, str]) -> Any:
        return here.call("POST", "/v1/contract-pricing/products/create", json=body, headers=headers).json

    def are_waiting(calls: int) -> Callable[[], bool]:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return lambda: account.rows(waiting) == [(calls,)]

    with account.engine.begin() as connection, ThreadPoolExecutor(2) as pool:
        connection.exec_driver_sql("LOCK TABLE product IN EXCLUSIVE MODE")
        first = pool.submit(create, {})
        wait_for(are_waiting(1), what="the first try to wait for the table")
        second = pool.submit(create, AGAIN)
        wait_for(are_waiting(2), what="the second to wait for the first")
        connection.commit()
        assert first.result() == second.result()


def test_long_ago(here: Gateway, account: Intake) -> None:
    """After ten minutes nothing is known of the first try, and soon nothing is kept of it."""
    body = {"name": f"old {uuid4()}", "type": "FIXED"}
    first = here.call("POST", "/v1/contract-pricing/products/create", json=body).json
    with account.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE answered_call SET answered_at = now() - interval '11 minutes'")
    again = here.call("POST", "/v1/contract-pricing/products/create", json=body, headers=AGAIN)
    assert again.json != first
    with account.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE answered_call SET answered_at = now() - interval '11 minutes'")
    tidy(account.engine)
    assert account.count("answered_call") == 0
