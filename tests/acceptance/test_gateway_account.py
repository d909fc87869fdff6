"""What is set for an account over HTTP, as by the command: parties of invoices, alerts, months of the books."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.acceptance.gateway import Gateway
from tests.bodies import CUSTOMER
from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id
from trueup.store.accounts.audit import AuditRecord, list_audit
from trueup.store.accounts.tokens import create_token
from trueup.store.catalog.parties import seller_of

BILLING = f"/v1/customers/{CUSTOMER}/billing"


def image(kind: str) -> str:
    """An image in base64."""
    made = BytesIO()
    Image.new("RGB", (40, 20), "red").save(made, kind)
    return b64encode(made.getvalue()).decode()


def audited(account: Intake, subject: str) -> list[AuditRecord]:
    """What is noted of a subject, the last first."""
    with account.engine.begin() as connection:
        return list_audit(connection, account.account_id, limit=9, subject=subject)


def test_the_seller(here: Gateway, account: Intake) -> None:
    """The account's name until somebody says more; what is given changes, "" takes away; a logo is kept as PNG."""
    assert here.call("GET", "/v1/seller").json["data"] == {"name": "acme"}
    given = {"name": "Acme <Ltd>", "address": "1 Main St\nDublin", "payment_terms_days": 30, "custom_fields": ["po"]}
    told = here.call("PATCH", "/v1/seller", json=given | {"logo": image("JPEG"), "footer": "Bye"}).json["data"]
    assert told.pop("logo_bytes") > 0
    assert told == given | {"footer": "Bye"}
    with account.engine.begin() as connection:
        kept = seller_of(connection, account.account_id)
        assert kept
        assert kept.logo
        assert kept.logo.startswith(b"\x89PNG")
    less = here.call("PATCH", "/v1/seller", json={"footer": "", "custom_fields": [], "logo": ""}).json["data"]
    assert less == {name: value for name, value in given.items() if name != "custom_fields"}
    assert here.call("GET", "/v1/seller").json["data"] == less
    last, first = audited(account, "account")
    assert (first.action, first.before, last.before, last.after) == (
        "set_seller",
        None,
        first.after,
        (first.after or {}) | {"footer": "", "custom_fields": [], "logo_bytes": 0},
    )


def test_billing_details(here: Gateway, account: Intake) -> None:
    """None, until they are given; another customer's are none of these."""
    assert here.call("GET", BILLING).json["data"] == {}
    told = here.call("PATCH", BILLING, json={"address": " Media House\nLeeds ", "email": "a@b.example"}).json["data"]
    assert told == {"address": "Media House\nLeeds", "email": "a@b.example"} == here.call("GET", BILLING).json["data"]
    assert here.call("PATCH", BILLING, json={"email": ""}).json["data"] == {"address": "Media House\nLeeds"}
    assert [each.action for each in audited(account, CUSTOMER)] == ["set_billing"] * 2


def test_alerts(here: Gateway, account: Intake) -> None:
    """Set and reset for the account and for one commit; the answers are what counts then."""
    (made,) = account.receive(entry(prepaid()))
    commit = str(made.request_id)
    of_commit = f"/v1/alerts/used_percent?commit_id={commit}"
    defaults = here.call("GET", "/v1/alerts").json["data"]
    assert {"kind": "used_percent", "thresholds": [50, 80, 100]} in defaults
    told = here.call("PUT", "/v1/alerts/used_percent", json={"thresholds": [95, 50, 50]}).json["data"]
    assert told == {"kind": "used_percent", "thresholds": [50, 95]}
    told = here.call("PUT", of_commit, json={"thresholds": [33.5]}).json["data"]
    assert told == {"kind": "used_percent", "commit_id": commit, "thresholds": [33.5]}
    assert here.call("PUT", "/v1/alerts/expiring_days", json={"thresholds": []}).json["data"]["thresholds"] == []
    listed = here.call("GET", "/v1/alerts").json["data"]
    assert {each.get("commit_id"): each["thresholds"] for each in listed if each["kind"] == "used_percent"} == {
        None: [50, 95],
        commit: [33.5],
    }
    assert here.call("DELETE", of_commit).json["data"]["thresholds"] == [50, 95]
    here.call("DELETE", "/v1/alerts/used_percent")
    here.call("DELETE", "/v1/alerts/expiring_days")
    assert here.call("GET", "/v1/alerts").json["data"] == defaults
    assert [each.action for each in audited(account, commit)] == ["reset_alerts", "set_alerts"]


def test_months(here: Gateway, account: Intake) -> None:
    """One after the other, each once; a client's own retry gets the answer of its first try."""
    closed = here.call("POST", "/v1/months/close", json={"month": "2025-01"})
    assert closed.status == 200, closed.text
    assert {name: closed.json["data"][name] for name in ("month", "entries")} == {"month": "2025-01", "entries": 0}
    assert here.call("GET", "/v1/months").json["data"] == [closed.json["data"]]
    again: dict[str, Any] = {"headers": {"x-stainless-retry-count": "1"}, "json": {"month": "2025-01"}}
    assert here.call("POST", "/v1/months/close", **again).text == closed.text
    for month, said in (("2025-01", "closed already"), ("2025-03", "comes first"), ("2025-13", "not a month")):
        refused = here.call("POST", "/v1/months/close", json={"month": month})
        assert (refused.status, said in refused.text) == (400, True), refused.text
    assert here.call("POST", "/v1/months/close", json={"month": "2025-02", "open_usage": True}).status == 200
    (noted,) = audited(account, "2025-01")
    assert noted.action == "close_month"


@pytest.mark.parametrize(
    ("call", "body", "path"),
    [
        ("PATCH /v1/seller", {}, "/name"),
        ("PATCH /v1/seller", {"vat": "1"}, "/vat"),
        ("PATCH /v1/seller", {"name": "x" * 1_001}, "/name"),
        ("PATCH /v1/seller", {"address": "\n.".join("x" * 13)}, "/address"),
        ("PATCH /v1/seller", {"footer": "a\0b"}, "/footer"),
        ("PATCH /v1/seller", {"payment_terms_days": -1}, "/payment_terms_days"),
        ("PATCH /v1/seller", {"custom_fields": ["x"] * 21}, "/custom_fields"),
        ("PATCH /v1/seller", {"logo": "=="}, "/logo"),
        ("PATCH /v1/seller", {"logo": "ÓO\U0001b25b"}, "/logo"),
        ("PATCH /v1/seller", {"logo": b64encode(b"<svg/>").decode()}, "/logo"),
        (f"PATCH {BILLING}", {"footer": "x"}, "/footer"),
        (f"PATCH {BILLING}", {}, "/name"),
        ("PUT /v1/alerts/used_percent", {"thresholds": [101]}, "/thresholds"),
        ("PUT /v1/alerts/used_percent", {"thresholds": "50"}, "/thresholds"),
        ("PUT /v1/alerts/used_percent", {}, "/thresholds"),
        ("PUT /v1/alerts/used", {"thresholds": [5]}, "/kind"),
        (f"PUT /v1/alerts/expiring_days?commit_id={CUSTOMER}", {"thresholds": [5]}, "/thresholds"),
        ("POST /v1/months/close", {"month": "January"}, "/month"),
        ("POST /v1/months/close", {}, "/month"),
    ],
)
def test_what_is_refused(here: Gateway, call: str, body: Any, path: str) -> None:
    """By the field's name, and nothing is changed."""
    before = [here.call("GET", each).text for each in ("/v1/seller", BILLING, "/v1/alerts", "/v1/months")]
    method, _, target = call.partition(" ")
    answer = here.call(method, target, json=body)
    assert answer.status == 400, answer.text
    assert [each["path"] for each in answer.json["errors"]] == [path]
    assert [here.call("GET", each).text for each in ("/v1/seller", BILLING, "/v1/alerts", "/v1/months")] == before


def test_what_is_not_there(here: Gateway) -> None:
    """A customer or commit that the account does not have is 404."""
    other = f"/v1/customers/{new_id()}/billing"
    alerts = f"/v1/alerts/used_percent?commit_id={new_id()}"
    answers = [
        here.call("GET", other),
        here.call("PATCH", other, json={"name": "x"}),
        here.call("PUT", alerts, json={"thresholds": [5]}),
        here.call("DELETE", alerts),
    ]
    assert [each.status for each in answers] == [404] * 4


def test_who_may_read_may_not_change(here: Gateway, account: Intake) -> None:
    """Changes need the scope operate."""
    with account.engine.begin() as connection:
        token = create_token(connection, account_id=account.account_id, scopes=["read"], secret_key=SECRET_KEY)
    for path in ("/v1/seller", BILLING, "/v1/alerts", "/v1/months"):
        assert here.call("GET", path, token=token).status == 200
    for method, path in (
        ("PATCH", "/v1/seller"),
        ("PATCH", BILLING),
        ("PUT", "/v1/alerts/used_percent"),
        ("DELETE", "/v1/alerts/used_percent"),
        ("POST", "/v1/months/close"),
    ):
        assert here.call(method, path, token=token).status == 403
