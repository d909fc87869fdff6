"""Creates that the client sends again by itself: one commit, and its first answer, whatever became of that."""

import itertools
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import metronome
import pytest
import redis
from sqlalchemy import Engine, text

from tests.acceptance.gateway import Answer, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.chaos.proxy import Ambush, Proxy
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake
from tests.integration.test_intake import credit, prepaid
from trueup.store.accounts.tokens import SCOPES, create_token

DOOR = "gateway"
QUICK = {"TRUEUP_HTTP_WAIT_S": "0.2"}

_brokers = itertools.count(7)


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway with a worker behind it."""
    module_fleet.worker("commits,commits.bulk")
    with gateway(module_fleet, account.token) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(here: Gateway) -> Iterator[Proxy]:
    """What stands between the client and the gateway, and loses calls or answers."""
    port = urlsplit(here.url).port
    assert port
    with closing(Proxy(port, marker=b"POST /v1/contracts/")) as made:
        yield made


@pytest.fixture(scope="module")
def through(here: Gateway, proxy: Proxy) -> Gateway:
    """The gateway by way of it."""
    return replace(here, url=f"http://127.0.0.1:{proxy.open_door(DOOR)}")


@pytest.fixture
def elsewhere(module_fleet: Fleet) -> dict[str, str]:
    """A broker that no worker looks at yet."""
    return {"TRUEUP_BROKER_URL": module_fleet.redis_url.rsplit("/", 1)[0] + f"/{next(_brokers)}"}


@pytest.fixture
def lone(module_database: Engine) -> Intake:
    """An account of its own."""
    return Intake(module_database, account=f"lone {uuid4()}")


def lose(proxy: Proxy, *, reaches: bool = True, **more: Any) -> Ambush:
    """The next call does not reach the gateway, or its answer not the client."""
    ambush = Ambush(frozenset({DOOR}), reaches=reaches, **more)
    proxy.lie_in_wait(ambush)
    return ambush


def ids(account: Intake, name: str) -> list[str]:
    """Of the commits and credits of this name, in the order in which they were made."""
    found = f"SELECT CAST(id AS text) FROM commit WHERE account_id = :a AND name = '{name}' ORDER BY booked_at, id"
    return [row[0] for row in account.rows(found)]


def retry(here: Gateway, body: Any, count: int = 1, **more: str) -> Answer:
    """The same create once more, by the client itself."""
    return here.create(body, x_stainless_retry_count=str(count), **more)


@pytest.mark.parametrize("kind", ["commits", "credits"])
@pytest.mark.parametrize("losses", [[True], [True, True], [False, True]], ids=["one", "two", "a call, then an answer"])
def test_a_lost_answer(through: Gateway, proxy: Proxy, account: Intake, kind: str, losses: list[bool]) -> None:
    """Without a key, the SDK's own retry has the id of the first try; nothing is made twice."""
    name = f"lost {uuid4()}"
    body = prepaid(name=name) if kind == "commits" else credit(name=name)
    lost = [lose(proxy, reaches=reaches) for reaches in losses]
    sdk = through.sdk(max_retries=4)
    made = getattr(sdk.v1.customers, kind).create(**body)
    assert all(each.happened.is_set() for each in lost)
    assert ids(account, name) == [made.data.id]


def test_three_that_are_meant(through: Gateway, proxy: Proxy, account: Intake) -> None:
    """Three equal credits stay three, though the answer to one of them was lost."""
    name, sdk = f"three {uuid4()}", through.sdk(max_retries=4)
    for number in range(3):
        if number == 1:
            lose(proxy)
        sdk.v1.customers.credits.create(**credit(name=name))
    assert len(ids(account, name)) == 3


def test_two_of_three_at_once(through: Gateway, proxy: Proxy, account: Intake) -> None:
    """Three equal credits at once, two of whose answers are lost, stay three, and each caller has one of them."""
    name, sdk = f"at once {uuid4()}", through.sdk(max_retries=4)
    lost = [lose(proxy) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(sdk.v1.customers.credits.create, **credit(name=name)) for _ in range(3)]
        told = [call.result().data.id for call in calls]
    assert all(each.happened.is_set() for each in lost)
    assert len(ids(account, name)) == 3
    assert set(told) <= set(ids(account, name))


def test_a_lost_refusal(through: Gateway, proxy: Proxy, account: Intake) -> None:
    """The retry is refused as its first try was, although the customer exists by now."""
    name, customer_id = f"refused {uuid4()}", str(uuid4())

    def appear(_: str) -> None:
        with account.engine.begin() as connection:
            named = {"a": account.account_id, "id": customer_id}
            connection.execute(text("INSERT INTO customer (account_id, id, name) VALUES (:a, :id, 'late')"), named)

    ambush = lose(proxy, meanwhile=appear)
    with pytest.raises(metronome.NotFoundError):
        through.sdk(max_retries=4).v1.customers.commits.create(**prepaid(name=name, customer_id=customer_id))
    assert ambush.happened.is_set()
    assert ids(account, name) == []


def test_an_idempotency_key(here: Gateway, account: Intake) -> None:
    """A retry under it is told the first answer again; under another key it is another request."""
    body = prepaid(name=f"keyed {uuid4()}")
    first, again, other = (
        here.create(body, idempotency_key=str(body["name"])),
        retry(here, body, idempotency_key=str(body["name"])),
        retry(here, body, idempotency_key=f"other {body['name']}"),
    )
    assert first.json == again.json != other.json
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in other.headers) == ("true", False)
    assert len(ids(account, str(body["name"]))) == 2


def test_a_uniqueness_key(here: Gateway) -> None:
    """Two callers with one key: the retry of each has the answer of one of them, and makes nothing."""
    body = prepaid(uniqueness_key=str(uuid4()))
    assert [here.create(body).status, here.create(body).status] == [200, 409]
    assert [retry(here, body).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("more", "is_noted"), [({}, True), ({"uniqueness_key": None}, True), ({"uniqueness_key": "k"}, False)]
)
def test_what_is_noted(here: Gateway, account: Intake, more: dict[str, Any], is_noted: bool) -> None:  # noqa: FBT001
    """A create that may be made twice; one with a key costs no note."""
    before = account.count("create_try")
    body = prepaid(custom_fields={"uniqueness_key": "of another kind"}, **more)
    here.create(body | {"uniqueness_key": str(uuid4())} if more.get("uniqueness_key") else body)
    assert account.count("create_try") == before + is_noted


def test_another_token(here: Gateway, account: Intake) -> None:
    """What another token sent is not this one's first try."""
    body = prepaid(name=f"token {uuid4()}")
    with account.engine.begin() as connection:
        other = create_token(connection, account_id=account.account_id, scopes=SCOPES, secret_key=SECRET_KEY)
    assert here.create(body, token=other).json != retry(here, body).json


def test_what_was_kept_is_sent_again(module_fleet: Fleet, lone: Intake, elsewhere: dict[str, str]) -> None:
    """A 202 that got lost: the retry names the same request, kept or decided."""
    body = prepaid(name="kept")
    with gateway(module_fleet, lone.token, **QUICK, **elsewhere) as running:
        first, again = running.create(body, prefer="respond-async"), retry(running, body)
        assert [first.status, again.status] == [202, 202]
        assert first.json == again.json
        module_fleet.worker("commits", **elsewhere)
        wait_for(lambda: lone.count("intake") == 0, what="the envelopes to be decided")
        assert retry(running, body, 2).json["data"]["id"] == first.json["data"]["id"]
    assert ids(lone, "kept") == [first.json["data"]["id"]]


def test_beside_its_first_try(module_fleet: Fleet, lone: Intake, elsewhere: dict[str, str]) -> None:
    """A retry waits for a try that is still running: both have the one commit's id."""
    body = prepaid(name="beside")
    with gateway(module_fleet, lone.token, **elsewhere) as running, ThreadPoolExecutor(2) as pool:
        first = pool.submit(running.create, body)
        sent(elsewhere, 1)
        second = pool.submit(retry, running, body)
        sent(elsewhere, 2)
        module_fleet.worker("commits", **elsewhere)
        assert first.result().json == second.result().json
    assert len(ids(lone, "beside")) == 1


def test_a_killed_gateway(module_fleet: Fleet, lone: Intake, elsewhere: dict[str, str]) -> None:
    """Its call is on the queue: the retry, by another gateway, has the commit that comes of it."""
    body = prepaid(name="killed")
    with ThreadPoolExecutor(2) as pool:
        with gateway(module_fleet, lone.token, **elsewhere) as dying:
            process = module_fleet.started[-1]
            first: Future[Answer] = pool.submit(dying.create, body)
            sent(elsewhere, 1)
            process.send_signal(signal.SIGKILL)
            assert isinstance(first.exception(), httpx.HTTPError)
        with gateway(module_fleet, lone.token, **elsewhere) as other:
            second = pool.submit(retry, other, body)
            sent(elsewhere, 2)
            module_fleet.worker("commits", **elsewhere)
            told = second.result().json["data"]["id"]
    assert ids(lone, "killed") == [told]


def test_a_gateway_that_died_before_it_sent(here: Gateway, account: Intake) -> None:
    """What was noted and never sent is sent by the retry, under its id."""
    body = prepaid(name=f"unsent {uuid4()}")
    first = here.create(body).json["data"]["id"]
    noted, unsent = "SELECT digest FROM create_try WHERE request_id = :id", str(uuid4())
    with account.engine.begin() as connection:
        digest = connection.scalar(text(noted), {"id": first})
        connection.execute(
            text("INSERT INTO create_try (account_id, digest, request_id, retries) VALUES (:a, :d, :id, 0)"),
            {"a": account.account_id, "d": digest, "id": unsent},
        )
    assert retry(here, body).json["data"]["id"] == unsent
    assert sorted(ids(account, str(body["name"]))) == sorted([first, unsent])


def test_the_sdk_across_a_killed_worker(module_fleet: Fleet, lone: Intake, elsewhere: dict[str, str]) -> None:
    """The worker dies in the middle, the SDK gives up and tries again: one commit without a key, and its id."""
    tries = list[httpx.Request]()
    dying = {"TRUEUP_TEST_KILL": "before the commit", **elsewhere}
    victim = module_fleet.worker("commits", app="tests.acceptance.killed_worker", **dying)
    with gateway(module_fleet, lone.token, **elsewhere) as running, ThreadPoolExecutor(1) as pool:
        client = running.clients.enter_context(httpx.Client(event_hooks={"request": [tries.append]}))
        sdk = running.sdk(http_client=client, timeout=0.7, max_retries=9)
        made = pool.submit(sdk.v1.customers.commits.create, **prepaid(name="across"))
        assert victim.wait(timeout=60) == -signal.SIGKILL
        wait_for(lambda: len(tries) > 1, what="the SDK to try again")
        module_fleet.worker("commits", **elsewhere)
        commit_id = made.result(timeout=60).data.id
    assert ids(lone, "across") == [commit_id]


def test_told_not_to(module_fleet: Fleet, lone: Intake, here: Gateway) -> None:
    """Where the settings say that retries do not count, each create is one of its own, and none is noted."""
    with gateway(module_fleet, lone.token, TRUEUP_HTTP_ANSWER_RETRIES="false") as running:
        body = prepaid(name="plain")
        assert running.create(body).json != retry(running, body).json
    assert lone.count("create_try") == 0
    assert here.call("GET", "/readyz").status == 200


def sent(elsewhere: dict[str, str], messages: int) -> None:
    """Returns when so many messages are on the queue."""
    with redis.Redis.from_url(elsewhere["TRUEUP_BROKER_URL"]) as client:
        wait_for(lambda: client.llen("commits") == messages, what=f"{messages} messages on the queue")
