"""Webhooks over HTTP: made, changed, tested, sent again and deleted; secrets told once; what cannot be is refused."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.acceptance.gateway import Gateway
from tests.integration.intake import Intake
from tests.integration.test_webhooks import happen
from trueup.ids import new_id
from trueup.store.accounts.audit import list_audit
from trueup.store.webhooks.expansion import Which, expand

URL = "https://example.com/hooks"


@pytest.fixture
def webhook(here: Gateway) -> str:
    """The path of a webhook that is asked for created commits."""
    answer = here.call("POST", "/v1/webhooks", json={"url": URL, "types": ["commit.created"]})
    assert answer.status == 200, answer.text
    return f"/v1/webhooks/{answer.json['data']['id']}"


def test_a_life(here: Gateway, account: Intake) -> None:
    """Made, shown, listed, changed, rotated and deleted, each with its audit row; the secret is told twice in all."""
    made = here.call("POST", "/v1/webhooks", json={"url": URL, "description": "books"})
    webhook = made.json["data"]
    path = f"/v1/webhooks/{webhook['id']}"
    assert (webhook["types"], webhook["enabled"], webhook["description"]) == ([], True, "books")
    assert webhook.pop("secret").startswith("whsec_")
    assert made.headers["cache-control"] == "no-store"
    assert here.call("GET", path).json["data"] == webhook
    assert webhook in here.call("GET", "/v1/webhooks").json["data"]
    changed = here.call("PATCH", path, json={"enabled": False, "types": ["usage.late"], "description": ""}).json["data"]
    assert (changed["enabled"], changed["types"]) == (False, ["usage.late"])
    assert "description" not in changed
    assert here.call("POST", f"{path}/rotate").json["data"].keys() == {"secret", "previous_secret_until"}
    assert here.call("POST", f"{path}/rotate", json={"overlap_h": 0}).json["data"].keys() == {"secret"}
    assert here.call("DELETE", path).json["data"]["id"] == webhook["id"]
    assert here.call("GET", path).status == 404
    with account.engine.begin() as connection:
        noted = list_audit(connection, account.account_id, limit=9, subject=webhook["id"])
    verbs = ["delete", "rotate", "rotate", "change", "create"]
    assert [each.action for each in noted] == [f"{verb}_webhook" for verb in verbs]
    assert "whsec" not in str(noted)


def test_deliveries(here: Gateway, webhook: str, account: Intake, module_database: Engine) -> None:
    """They are listed in pages, shown one by one, sent again; a test is one of them."""
    happen(module_database, account.account_id, events=3)
    with module_database.begin() as connection:
        expand(connection, [Which(account.account_id, UUID(webhook.rpartition("/")[2]))])
    test = here.call("POST", f"{webhook}/test").json["data"]["id"]
    first = here.call("GET", f"{webhook}/deliveries?limit=3").json
    second = here.call("GET", f"{webhook}/deliveries?limit=3&next_page={first['next_page']}").json
    assert (len(first["data"]), len(second["data"]), second["next_page"]) == (3, 1, None)
    listed = first["data"] + second["data"]
    assert sorted(each["type"] for each in listed) == ["commit.created"] * 3 + ["webhook.test"]
    assert test in {each["id"] for each in listed}
    assert here.call("GET", f"{webhook}/deliveries?state=failed").json["data"] == []
    one = here.call("GET", f"{webhook}/deliveries/{listed[0]['id']}").json["data"]
    assert (one["state"], one["attempts"]) == ("waiting", 0)
    choices: list[dict[str, Any]] = [{"delivery_id": one["id"]}, {"since": "2025-01-01T00:00:00Z"}, {"failed": True}]
    counts = [here.call("POST", f"{webhook}/resend", json=each).json["data"]["resent"] for each in choices]
    assert counts == [1, 4, 0]
    behind: dict[str, Any] = {"since": "2025-01-01T00:00:00Z", "after": 2}
    assert here.call("POST", f"{webhook}/resend", json=behind).json["data"] == {"resent": 2}
    with account.engine.begin() as connection:
        noted = list_audit(connection, account.account_id, limit=9, subject=webhook.rpartition("/")[2])
    assert [each.action for each in noted] == ["resend_webhook"] * 4 + ["test_webhook", "create_webhook"]


@pytest.mark.parametrize(
    ("call", "body", "path"),
    [
        ("POST ", {"url": "http://example.com/"}, "/url"),
        ("POST ", {"url": "https://user@example.com/"}, "/url"),
        ("POST ", {"url": "https://10.0.0.1/"}, "/url"),
        ("POST ", {"url": "https://[::ffff:169.254.169.254]/"}, "/url"),
        ("POST ", {"url": f"https://example.com/{'x' * 2_000}"}, "/url"),
        ("POST ", {}, "/url"),
        ("POST ", {"url": URL, "types": ["commit.made"]}, "/types/0"),
        ("POST ", {"url": URL, "secret": "whsec_mine"}, "/secret"),
        ("PATCH {webhook}", {"url": "ftp://example.com"}, "/url"),
        ("PATCH {webhook}", {}, "/enabled"),
        ("POST {webhook}/rotate", {"overlap_h": 721}, "/overlap_h"),
        ("POST {webhook}/resend", {}, "/delivery_id"),
        ("POST {webhook}/resend", {"failed": True, "since": "2025-01-01T00:00:00Z"}, "/delivery_id"),
        ("GET {webhook}/deliveries?next_page=1.x", None, "/next_page"),
        ("GET {webhook}/deliveries?state=lost", None, "/state"),
    ],
)
def test_what_is_refused(here: Gateway, webhook: str, call: str, body: Any, path: str) -> None:
    """URLs that deliveries may not go to, types that there are not, and changes of nothing: by the field's name."""
    method, _, target = call.format(webhook=webhook).partition(" ")
    answer = here.call(method, target or "/v1/webhooks", **({} if body is None else {"json": body}))
    assert answer.status == 400, answer.text
    assert [each["path"] for each in answer.json["errors"]] == [path]


def test_what_is_not_there(here: Gateway) -> None:
    """Another id, or another account's, is 404, for every call."""
    path = f"/v1/webhooks/{new_id()}"
    calls = [("GET", path), ("DELETE", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/test")]
    calls += [("GET", f"{path}/deliveries"), ("GET", f"{path}/deliveries/{new_id()}")]
    assert {here.call(*each).status for each in calls} == {404}
    assert here.call("PATCH", path, json={"enabled": True}).status == 404
    assert here.call("POST", f"{path}/resend", json={"failed": True}).status == 404
