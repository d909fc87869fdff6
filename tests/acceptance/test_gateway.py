"""Creating over HTTP, with real processes: each call is answered with its outcome."""

import inspect
import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import metronome
import pytest
import redis
from sqlalchemy import Engine, text

from tests.acceptance.gateway import CREATE, Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.conftest import DATA, SECRET_KEY
from tests.integration.intake import Intake
from tests.integration.test_intake import prepaid
from tests.integration.test_publish import arguments
from trueup.clock import utc_now
from trueup.limits import BODY_BYTES_MAX
from trueup.store.accounts.tokens import create_token, revoke_token
from trueup.wire.message.envelope import read_envelope

CASES = [json.loads(line) for line in (DATA / "cases/commit-requests.jsonl").read_text().splitlines()]
STATUS = {"created": {200}, "invalid": {400, 413}, "not_found": {404}}


@pytest.fixture(scope="module")
def account(engine: Engine) -> Intake:
    """An account with the catalog of the cases."""
    return Intake(engine)


@pytest.fixture(scope="module")
def processes(module_fleet: Fleet) -> Fleet:
    """A worker, and room for more processes."""
    module_fleet.worker("commits")
    return module_fleet


@pytest.fixture(scope="module")
def engine(module_database: Engine) -> Engine:
    """The database of this module."""
    return module_database


@pytest.fixture(scope="module")
def here(processes: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway before that worker."""
    with gateway(processes, account.token) as running:
        yield running


def token_of(account: Intake, *scopes: Any) -> str:
    """Another token of the account."""
    with account.engine.begin() as connection:
        return create_token(connection, account_id=account.account_id, scopes=scopes, secret_key=SECRET_KEY)


def test_create(here: Gateway) -> None:
    """The SDK creates a commit and is told its id; what became of the request can be asked for."""
    made = here.sdk().v1.customers.commits.create(**prepaid())
    told = here.call("GET", f"/v1/requests/{made.data.id}")
    assert (told.status, told.json["data"]["outcome"]) == (200, "created")


def test_create_credit(here: Gateway, account: Intake) -> None:
    """Credits are created likewise."""
    body = {key: value for key, value in prepaid().items() if key != "type"}
    made = here.sdk().v1.customers.credits.create(**body)
    assert account.rows(f"SELECT type FROM commit WHERE account_id = :a AND id = '{made.data.id}'") == [("CREDIT",)]


def test_the_cases(here: Gateway) -> None:
    """Every case over HTTP: the status of its outcome, and exactly its codes."""

    def judged(case: dict[str, Any]) -> tuple[str, int, list[str]]:
        body = case["raw"] if "raw" in case else json.dumps(case["body"])
        answer = here.create(body.encode("utf-8", "surrogatepass"))
        return case["id"], answer.status, sorted(error["code"] for error in answer.json.get("errors", []))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(judged, CASES))
    for case, (name, status, codes) in zip(CASES, answers, strict=True):
        assert (status in STATUS[case["outcome"]], codes) == (True, case["codes"]), (name, status)


def test_the_cases_through_the_sdk(here: Gateway, engine: Engine) -> None:
    """Every case whose body is an object, by the SDK's own method: its id, or the error of its status and its codes."""
    create = here.sdk(token=Intake(engine, account="sdk").token, max_retries=0).v1.customers.commits.create
    parameters = {name for name, each in inspect.signature(create).parameters.items() if each.default is each.empty}

    def judged(case: dict[str, Any]) -> tuple[int, list[str]]:
        left_out: Any = dict.fromkeys(parameters, metronome.omit)
        try:
            create(**left_out, extra_body=case["body"])
        except metronome.APIStatusError as error:
            told: Any = error.body
            return error.status_code, sorted(each["code"] for each in told["errors"])
        return 200, []

    chosen = [case for case in CASES if isinstance(case.get("body"), dict)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(judged, chosen))
    for case, (status, codes) in zip(chosen, answers, strict=True):
        assert (status in STATUS[case["outcome"]], codes) == (True, case["codes"]), (case["id"], status)


def test_a_number_keeps_its_digits(here: Gateway, account: Intake) -> None:
    """A number is never read by the gateway: what a float cannot hold arrives."""
    text_of_body = json.dumps(prepaid()).replace(": 1000,", ": 12345678901234567.89,")
    made = here.create(text_of_body).json["data"]["id"]
    assert "12345678901234567.89" in text_of_body
    [(amount,)] = account.rows(f"SELECT amount FROM segment WHERE account_id = :a AND commit_id = '{made}'")
    assert str(amount) == "12345678901234567.89"


def test_a_hundred_threads_with_one_key(here: Gateway) -> None:
    """One 200 and ninety-nine 409, each from one request, and all of them name the one commit."""
    sent: list[str] = []
    client = httpx.Client(
        limits=httpx.Limits(max_connections=100), event_hooks={"request": [lambda r: sent.append(r.method)]}
    )
    sdk = here.sdk(http_client=client)
    start = threading.Barrier(100)

    def create(_: int) -> tuple[int, Any]:
        start.wait()
        try:
            return 200, sdk.v1.customers.commits.create(**prepaid(uniqueness_key="one for all")).data.id
        except metronome.ConflictError as error:
            return 409, error.body

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(create, range(100)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 99
    [made] = [told for status, told in answers if status == 200]
    refused = [told for status, told in answers if status == 409]
    assert {(each["code"], each["existing"]["id"], each["same_content"]) for each in refused} == {
        ("duplicate", made, True)
    }
    assert len(sent) == 100


def test_a_retry_gets_its_own_commit(here: Gateway) -> None:
    """The SDK's own repeat gets 200 with the first commit's id; other content, or no repeat, gets 409."""
    body = prepaid(uniqueness_key="repeated")
    first = here.create(body).json["data"]["id"]
    again = here.create(body, x_stainless_retry_count="1")
    assert (again.status, again.json["data"]["id"]) == (200, first)
    assert here.create(body).status == 409
    other = here.create(body | {"priority": 7}, x_stainless_retry_count="1")
    assert (other.status, other.json["same_content"], other.headers["x-should-retry"]) == (409, False, "false")


def test_an_idempotency_key(here: Gateway) -> None:
    """The same key and content: the first answer again, and marked; other content: 409."""
    key = str(uuid4())
    first = here.create(prepaid(), idempotency_key=key)
    again = here.create(prepaid(), idempotency_key=key)
    assert (again.status, again.json) == (200, first.json)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    other = here.create(prepaid(priority=8), idempotency_key=key)
    assert (other.status, other.json["code"], other.headers["x-should-retry"]) == (
        409,
        "idempotency_key_reused",
        "false",
    )
    assert here.create(prepaid(), idempotency_key="x" * 256).status == 400
    taken = prepaid(uniqueness_key=str(uuid4()))
    twice = [here.create(taken, idempotency_key=f"{key}{number}") for number in (1, 2, 2)]
    assert [(each.status, each.headers.get("idempotent-replayed")) for each in twice] == [
        (200, None),
        (409, None),
        (409, "true"),
    ]


def test_respond_async(here: Gateway, account: Intake) -> None:
    """Who does not want to wait gets 202 and a place to ask; the request is kept until it has its outcome."""
    answer = here.create(prepaid(), prefer="respond-async")
    place = answer.headers["location"]
    assert (answer.status, place) == (202, f"/v1/requests/{answer.json['data']['id']}")
    outcomes = {"pending", "created"}
    told = wait_for(
        lambda: (o := here.call("GET", place).json["data"]["outcome"]) in outcomes and o != "pending" and o,
        what="the outcome",
    )
    assert told == "created"
    wait_for(lambda: account.count("intake") == 0, what="the envelope to be let go")


def test_who_may(here: Gateway, account: Intake, engine: Engine) -> None:
    """Without a good token 401, without the scope 403, and what is another account's is missing."""
    other = Intake(engine, account="other")
    made = here.create(prepaid()).json["data"]["id"]
    path = f"/v1/requests/{made}"
    good, _, secret = account.token.rpartition("_")
    for bad in ("", "nonsense", f"{good}_{secret[::-1]}", f"tu_nobody_{secret}"):
        answer = here.call("GET", path, token=bad)
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    refused = here.create(prepaid(), token=token_of(account, "read"))
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert here.call("GET", path, token=token_of(account, "commits:write")).status == 403
    nobodys = str(uuid4())
    foreign, missing = here.call("GET", path, token=other.token), here.call("GET", f"/v1/requests/{nobodys}")
    assert (foreign.status, missing.status) == (404, 404)
    assert foreign.text.replace(made, nobodys) == missing.text


def test_a_revoked_token(here: Gateway, account: Intake) -> None:
    """Under a token that is revoked nothing more is kept, and soon nothing is told; what it had enqueued stays."""
    token = token_of(account, "commits:write", "read")
    path = f"/v1/requests/{here.create(prepaid(), token=token).json['data']['id']}"
    assert here.call("GET", path, token=token).status == 200
    with account.engine.begin() as connection:
        revoke_token(connection, account_id=account.account_id, key_id=token.split("_")[1], now=utc_now())
    assert here.create(prepaid(), token=token, prefer="respond-async").status == 401
    wait_for(lambda: here.call("GET", path, token=token).status == 401, what="the token to be refused")
    assert here.call("GET", path).json["data"]["outcome"] == "created"


def test_what_is_no_request(here: Gateway) -> None:
    """Too long, of another type, not served: each has its status, and says so."""
    assert here.create(b" " * (BODY_BYTES_MAX + 1)).status == 413
    assert here.create("a=1", content_type="application/x-www-form-urlencoded").status == 415
    for path in ("/v1/nothing", "/v1/contracts/customerCommits/nothing"):
        answer = here.call("POST", path, json={})
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert f"does not serve POST {path}" in answer.json["message"]
    other = here.call("DELETE", "/v1/customers")
    assert (other.status, other.headers["allow"]) == (405, "GET, POST")


def test_request_ids(here: Gateway, processes: Fleet) -> None:
    """An answer carries its call's id, the caller's own or that of the request it brings, and the log has it too."""
    own = f"mine-{uuid4()}"
    assert here.create("nonsense", x_request_id=own).headers["x-request-id"] == own
    assert len(here.create("{}", x_request_id="not\tgood").headers["x-request-id"]) == 36
    assert own in processes.logs()
    for body in (prepaid(), prepaid(priority="high")):
        answer = here.create(body)
        told = here.call("GET", f"/v1/requests/{answer.headers['x-request-id']}").json["data"]
        assert told["outcome"] == ("created" if answer.status == 200 else "invalid")


def test_health(here: Gateway) -> None:
    """It lives, it takes calls, and it says how far everything is behind."""
    assert [here.call("GET", path, token="").status for path in ("/livez", "/readyz")] == [200, 200]
    health = here.call("GET", "/healthz", token="").json
    assert health["status"] == "ok"
    assert health["backlog"] == {"commits": 0, "commits.bulk": 0, "usage": 0, "invoices": 0, "events": 0}
    assert "oldest_due_obligation_seconds" in health
    assert health["events_behind_seconds"] >= 0
    nothing = {"enabled": 0, "switched_off": 0, "failing": 0, "events_behind": 0, "overdue_seconds": 0.0}
    assert health["webhooks"] == nothing


def test_without_a_worker(processes: Fleet, engine: Engine) -> None:
    """With nobody to decide, a call is kept after a while and answered with 202; a later worker decides it."""
    alone = Intake(engine, account="alone")
    settings = {"TRUEUP_HTTP_WAIT_S": "0.2", "TRUEUP_BROKER_URL": processes.redis_url.rsplit("/", 1)[0] + "/2"}
    with gateway(processes, alone.token, **settings) as running:
        answer = running.create(prepaid())
        assert (answer.status, answer.json["data"]["outcome"]) == (202, "pending")
        assert running.call("GET", answer.headers["location"]).json["data"]["outcome"] == "pending"
        assert alone.count("intake") == 1
        processes.worker("commits", TRUEUP_BROKER_URL=settings["TRUEUP_BROKER_URL"])
        wait_for(lambda: alone.count("commit") == 1 and not alone.count("intake"), what="the commit")


def test_limits(processes: Fleet, account: Intake) -> None:
    """Past its rate, or past the backlog's limit, a call gets 429 and is told when to come again."""
    away = processes.redis_url.rsplit("/", 1)[0] + "/3"
    settings = {"TRUEUP_HTTP_WAIT_S": "0.1", "TRUEUP_BROKER_URL": away, "TRUEUP_QUEUE_LIMIT": "1"}
    with gateway(processes, account.token, TRUEUP_HTTP_RATE="2", **settings) as running:
        assert running.create(prepaid()).status == 202
        full = wait_for(lambda: (a := running.create(prepaid())).status == 429 and a, what="429")
        assert (full.json["code"], int(full.headers["retry-after"]) >= 1) == ("rate_limited", True)
    with redis.Redis.from_url(away) as client:
        client.flushdb()


def test_without_a_broker(processes: Fleet, account: Intake) -> None:
    """While the broker is away nothing is kept, and the caller may come again; what need not wait is kept."""
    with gateway(processes, account.token, TRUEUP_BROKER_URL="redis://127.0.0.1:1/0") as running:
        answer = running.create(prepaid())
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert running.call("GET", "/readyz").status == 503
        assert running.create(prepaid(), prefer="respond-async").status == 202
    with account.engine.begin() as connection:
        connection.execute(text("DELETE FROM intake WHERE account_id = :a"), {"a": account.account_id})


def test_the_sdk_across_a_killed_worker(processes: Fleet, engine: Engine) -> None:
    """The worker dies in the middle, the SDK gives up and tries again: one commit, and the SDK returns its id."""
    lone, tries = Intake(engine, account="killed"), list[httpx.Request]()
    elsewhere = {"TRUEUP_BROKER_URL": processes.redis_url.rsplit("/", 1)[0] + "/4"}
    dying = {"TRUEUP_TEST_KILL": "before the commit", **elsewhere}
    victim = processes.worker("commits", app="tests.acceptance.killed_worker", **dying)
    with gateway(processes, lone.token, **elsewhere) as running, ThreadPoolExecutor(1) as pool:
        client = running.clients.enter_context(httpx.Client(event_hooks={"request": [tries.append]}))
        sdk = running.sdk(http_client=client, timeout=0.7, max_retries=9)
        made = pool.submit(sdk.v1.customers.commits.create, **prepaid(uniqueness_key="across"))
        assert victim.wait(timeout=60) == -signal.SIGKILL
        wait_for(lambda: len(tries) > 1, what="the SDK to try again")
        processes.worker("commits", **elsewhere)
        commit_id = made.result(timeout=60).data.id
    assert lone.rows("SELECT CAST(id AS text) FROM commit WHERE account_id = :a") == [(commit_id,)]


def test_who_hangs_up_loses_nothing(processes: Fleet, engine: Engine) -> None:
    """Nobody reads the answer any more: the request is kept all the same, and a later worker decides it."""
    lone, body = Intake(engine, account="hung up"), json.dumps(prepaid(uniqueness_key="hung up")).encode()
    elsewhere = {"TRUEUP_BROKER_URL": processes.redis_url.rsplit("/", 1)[0] + "/6"}
    with gateway(processes, lone.token, TRUEUP_HTTP_WAIT_S="0.3", **elsewhere) as running:
        head = f"POST {CREATE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {lone.token}\r\n"
        with socket.create_connection((httpx.URL(running.url).host, httpx.URL(running.url).port)) as connection:
            connection.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        wait_for(lambda: lone.count("intake") == 1, what="the envelope to be kept")
        processes.worker("commits", **elsewhere)
        wait_for(lambda: lone.count("commit") == 1 and not lone.count("intake"), what="the commit")


def queued(broker: redis.Redis) -> int:
    """How many requests wait for a worker."""
    messages = [json.loads(each) for each in broker.lrange("commits", 0, -1)]
    return sum(len(read_envelope(*arguments(each)).requests) for each in messages)


def test_a_stop_answers_what_it_took(processes: Fleet, engine: Engine) -> None:
    """Told to stop while calls wait, it keeps them, answers them with 202, and ends well."""
    lone = Intake(engine, account="stopped")
    away = processes.redis_url.rsplit("/", 1)[0] + "/5"
    with gateway(processes, lone.token, TRUEUP_BROKER_URL=away) as running, ThreadPoolExecutor(4) as pool:
        process = processes.started[-1]
        calls = [pool.submit(running.create, prepaid()) for _ in range(4)]
        with redis.Redis.from_url(away) as client:
            wait_for(lambda: queued(client) == 4, what="all four requests")
            process.send_signal(signal.SIGTERM)
            assert [call.result(timeout=20).status for call in calls] == [202] * 4
            assert process.wait(timeout=20) == 0
            client.flushdb()
    kept = lone.rows("SELECT sum(size) FROM intake WHERE account_id = :a")
    assert kept == [(4,)]
