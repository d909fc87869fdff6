"""Reading over HTTP: the SDK's strict mode accepts every answer, and pages follow one another."""

from typing import Any
from uuid import uuid4

import metronome
import msgspec
import pytest
from sqlalchemy import text

from tests.acceptance.gateway import Gateway
from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import ACME, CONTRACT, prepaid
from trueup.ids import new_id
from trueup_worker.gateway.answers.catalog import CustomerPage
from trueup_worker.gateway.answers.commits import CommitPage
from trueup_worker.gateway.answers.parked import ParkedPage


def made(account: Intake, body: dict[str, Any], **more: Any) -> str:
    """The id of a commit or credit that is there now."""
    request_id = str(new_id())
    [outcome] = account.receive(entry(body, request_id=request_id, **more))
    assert outcome.outcome == "created"
    return request_id


def credit(**more: Any) -> dict[str, Any]:
    """A valid body of a credit."""
    return {name: value for name, value in prepaid(**more).items() if name != "type"}


INVOICED = {
    "invoice_schedule": {"schedule_items": [{"timestamp": "2025-01-01T00:00:00Z", "amount": 250}]},
    "invoice_contract_id": CONTRACT,
}


def test_commits_and_credits(here: Gateway, account: Intake) -> None:
    """Each list has its own kind, whole, and nothing else of the customer's."""
    commit_id = made(account, prepaid(**INVOICED, name="shown", specifiers=[{"product_tags": ["a"]}]))
    credit_id = made(account, credit(), kind="credit")
    sdk = here.sdk().v1.customers
    listed = {each.id: each for each in sdk.commits.list(customer_id=ACME, include_balance=True, include_ledgers=True)}
    commit = listed[commit_id]
    assert credit_id not in listed
    assert commit.invoice_schedule
    assert commit.invoice_schedule.schedule_items
    assert commit.ledger
    assert (commit.name, commit.type, commit.cost_basis) == ("shown", "PREPAID", 0.25)
    assert [item.amount for item in commit.invoice_schedule.schedule_items] == [250]
    assert [entry.type for entry in commit.ledger] == ["PREPAID_COMMIT_SEGMENT_START"]
    [found] = sdk.credits.list(customer_id=ACME, credit_id=credit_id)
    assert (found.type, found.cost_basis, found.balance) == ("CREDIT", 0, None)
    balances = here.sdk().v1.contracts
    assert {commit_id, credit_id} <= {each.id for each in balances.list_balances(customer_id=ACME)}
    usable = balances.list_balances(customer_id=ACME, exclude_zero_balances=True, include_balance=True)
    assert all(each.balance for each in usable)


def test_pages(here: Gateway, account: Intake) -> None:
    """Pages follow one another until all are told, each once, in order."""
    keys = {f"page {number}" for number in range(5)}
    for key in keys:
        made(account, prepaid(uniqueness_key=key))
    first = here.sdk().v1.customers.commits.list(customer_id=ACME, limit=2)
    told = list(first)
    assert len(first.data) == 2
    assert keys <= {each.uniqueness_key for each in told}
    assert [each.id for each in told] == sorted({each.id for each in told})


def test_filters(here: Gateway, account: Intake) -> None:
    """Windows are half-open, and each filter is taken at its word."""
    units = {
        "access_type": "QUANTITY",
        "schedule_items": [
            {"amount": 7, "starting_at": "2031-01-01T00:00:00Z", "ending_before": "2032-01-01T00:00:00Z"}
        ],
    }
    future = made(account, prepaid(access_schedule=units))
    commits = here.sdk().v1.customers.commits

    def listed(**filters: Any) -> bool:
        return future in {each.id for each in commits.list(customer_id=ACME, **filters)}

    assert listed(covering_date="2031-01-01T00:00:00Z")
    assert not listed(covering_date="2032-01-01T00:00:00Z")
    assert listed(starting_at="2031-12-31T23:00:00Z")
    assert not listed(starting_at="2032-01-01T00:00:00Z")
    assert not listed(effective_before="2031-01-01T00:00:00Z")
    assert listed(effective_before="2031-01-01T00:00:01Z", access_type="QUANTITY")
    assert not listed(access_type="SPEND")
    assert [each.id for each in commits.list(customer_id=ACME, commit_id=future)] == [future]
    years = [
        {"amount": 1, "starting_at": f"{y}-01-01T00:00:00Z", "ending_before": f"{y}-02-01T00:00:00Z"}
        for y in (2041, 2043)
    ]
    gap = made(account, prepaid(access_schedule={"schedule_items": years}))
    between = commits.list(
        customer_id=ACME, starting_at="2042-01-01T00:00:00Z", effective_before="2042-01-01T00:00:00Z"
    )
    assert gap in {each.id for each in between}
    assert gap not in {each.id for each in commits.list(customer_id=ACME, covering_date="2042-01-01T00:00:00Z")}


def test_one_by_id_or_key(here: Gateway, account: Intake) -> None:
    """A commit is found by its id and by its uniqueness key; another account's is missing."""
    commit_id = made(account, prepaid(uniqueness_key="found by it"))
    by_key = here.call("GET", "/v1/commits", params={"uniqueness_key": "found by it"})
    by_id = here.call("GET", f"/v1/commits/{commit_id}")
    assert by_key.json == by_id.json
    assert by_id.json["data"]["id"] == commit_id
    stranger = Intake(account.engine, account="stranger").token
    assert here.call("GET", f"/v1/commits/{commit_id}", token=stranger).status == 404
    assert here.call("GET", "/v1/commits", token=stranger, params={"uniqueness_key": "found by it"}).status == 404
    assert here.call("POST", "/v1/contracts/customerCommits/list", json={"customer_id": str(uuid4())}).status == 404


def test_the_catalog(here: Gateway) -> None:
    """Customers, products and contracts are added, shown and listed as the SDK does it."""
    sdk = here.sdk().v1
    customer = sdk.customers.create(name="New", custom_fields={"region": "north"}).data
    product = sdk.contracts.products.create(name="Seats", type="FIXED", tags=["a"]).data
    contract = sdk.contracts.create(customer_id=customer.id, starting_at="2026-01-01T00:00:00Z").data
    assert sdk.customers.retrieve(customer_id=customer.id).data.custom_fields == {"region": "north"}
    assert sdk.contracts.products.retrieve(id=product.id).data.current.tags == ["a"]
    assert sdk.contracts.retrieve(contract_id=contract.id, customer_id=customer.id).data.customer_id == customer.id
    assert customer.id in {each.id for each in sdk.customers.list(limit=1)}
    assert [each.id for each in sdk.customers.list(customer_ids=[customer.id])] == [customer.id]
    assert product.id in {each.id for each in sdk.contracts.products.list(limit=1)}
    assert [each.id for each in sdk.contracts.list(customer_id=customer.id)] == [contract.id]
    with pytest.raises(metronome.NotFoundError):
        sdk.contracts.retrieve(contract_id=contract.id, customer_id=ACME)


def test_what_the_catalog_keeps(here: Gateway) -> None:
    """What Trueup has no use for is returned as it was said; aliases and keys stand once in an account."""
    sdk, metric, card = here.sdk().v1, str(uuid4()), str(uuid4())
    customer = sdk.customers.create(name="Called", external_id="first", ingest_aliases=["z", "first", "a"]).data
    assert (customer.external_id, customer.ingest_aliases) == ("first", ["first", "z", "a"])
    assert [each.id for each in sdk.customers.list(ingest_alias="a")] == [customer.id]
    assert sdk.customers.retrieve(customer_id=customer.id).data.ingest_aliases == ["first", "z", "a"]
    assert list(sdk.customers.list(only_archived=True)) == list(sdk.customers.list(salesforce_account_ids=["x"])) == []
    with pytest.raises(metronome.ConflictError, match=customer.id):
        sdk.customers.create(name="Other", ingest_aliases=["b", "a"])
    assert list(sdk.customers.list(ingest_alias="b")) == []
    product = sdk.contracts.products.create(name="Calls", type="USAGE", billable_metric_id=metric).data
    assert sdk.contracts.products.retrieve(id=product.id).data.current.billable_metric_id == metric
    terms: dict[str, Any] = {"customer_id": customer.id, "starting_at": "2026-01-01T00:00:00Z", "uniqueness_key": "one"}
    contract = sdk.contracts.create(**terms, name="Deal", rate_card_id=card, custom_fields={"a": "b"}).data
    with pytest.raises(metronome.ConflictError, match=contract.id):
        sdk.contracts.create(**terms)
    [kept] = sdk.contracts.list(customer_id=customer.id)
    assert (kept.uniqueness_key, kept.custom_fields) == ("one", {"a": "b"})
    assert (kept.current.name, kept.initial.rate_card_id) == ("Deal", card)


def test_what_is_wrong_is_told(here: Gateway) -> None:
    """Every problem of a body or a query, with its place and its code."""
    answer = here.call(
        "POST",
        "/v1/contracts/customerCommits/list",
        json={"customer_id": "x", "limit": 0, "covering_date": "now", "a": 1},
    )
    assert answer.status == 400
    assert {(each["path"], each["code"]) for each in answer.json["errors"]} == {
        ("/customer_id", "not_a_uuid"),
        ("/limit", "wrong_type"),
        ("/covering_date", "not_a_timestamp"),
        ("/a", "unknown_field"),
    }
    assert here.call("POST", "/v1/contracts/create", content="{").json["errors"][0]["code"] == "json_invalid"


NO_SIZE = ("/limit", "wrong_type", "must be a whole number between 1 and 100")
NO_CURSOR = ("/next_page", "wrong_type", "must be a next_page that an earlier answer gave")
UNKNOWN = ("/a", "unknown_field", "is not a known field")
NUL = ("/uniqueness_key", "text_not_storable", "must not contain the character NUL")
INVOICES = f"/v1/customers/{ACME}/invoices"


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("GET /v1/customers?limit=x&a=1", {NO_SIZE, UNKNOWN}),
        ("GET /v1/parked?limit=101&a=1", {NO_SIZE, UNKNOWN}),
        (f"GET {INVOICES}?limit=0&a=1&next_page=9.z", {NO_SIZE, UNKNOWN}),
        (f"GET {INVOICES}?next_page=9.z", {NO_CURSOR}),
        (f"GET {INVOICES}/{ACME}?a=1", {UNKNOWN}),
        (f"GET /v1/batches/{ACME}?next_page=-1&a=1", {NO_CURSOR, UNKNOWN}),
        ("GET /v1/commits?uniqueness_key=%00&a=1", {NUL, UNKNOWN}),
        ("GET /v1/commits", {("/uniqueness_key", "missing", "is required")}),
        ("POST /v1/usage?a=1", {UNKNOWN}),
        ("POST /v1/commits/validate?kind=credit&a=1", {UNKNOWN}),
    ],
)
def test_what_is_wrong_with_a_query(here: Gateway, call: str, wrong: set[tuple[str, ...]]) -> None:
    """It is told in our words; what is unknown is refused on every route, also on those that read the call itself."""
    answer = here.call(*call.split())
    assert (answer.status, {tuple(each.values()) for each in answer.json["errors"]}) == (400, wrong)


def test_what_is_of_the_wrong_type(here: Gateway) -> None:
    """A body's values are told what they must be, also by those types that have no code of their own."""
    filters = {"customer_id": ACME, "limit": "9", "include_balance": "yes"}
    listed = here.call("POST", "/v1/contracts/customerCommits/list", json=filters)
    product = here.call("POST", "/v1/contract-pricing/products/create", json={"name": 1, "type": "FIXED", "tags": {}})
    terms = {"customer_id": ACME, "starting_at": "2026-01-01T00:00:00Z", "net_payment_terms_days": 9999}
    contract = here.call("POST", "/v1/contracts/create", json=terms | {"custom_fields": []})
    told = {each["message"] for answer in (listed, product, contract) for each in answer.json["errors"]}
    assert told == {
        NO_SIZE[2],
        "must be true or false",
        "must be a string",
        "must be a list",
        "must be at most 3650",
        "must be an object",
    }


def test_what_passes_in_a_query(here: Gateway) -> None:
    """The SDK's own parameters pass, also those that change nothing; and anything at a health check."""
    more: dict[str, Any] = {"include_historical_commit_invoices": True, "webhook_notification_id": "x"}
    here.sdk().v1.customers.invoices.list(customer_id=ACME, limit=1, skip_zero_qty_line_items=True, **more)
    assert here.call("GET", "/livez?a=1", token="").status == 200


def test_validate(here: Gateway, account: Intake) -> None:
    """A dry run tells the errors, or the invoices that there would be, and makes nothing."""
    before = account.count("commit")
    body = prepaid(**INVOICED, uniqueness_key="only judged")
    good = here.call("POST", "/v1/commits/validate", json=body).json["data"]
    assert (good["outcome"], [(each["kind"], each["amount"]) for each in good["invoices"]]) == (
        "valid",
        [("SCHEDULED", 250)],
    )
    bad = here.call("POST", "/v1/commits/validate", json=body | {"priority": "high"}).json["data"]
    assert (bad["outcome"], [error["code"] for error in bad["errors"]]) == ("invalid", ["not_a_number"])
    lost = here.call("POST", "/v1/commits/validate", json=body | {"customer_id": str(uuid4())}).json["data"]
    assert lost["outcome"] == "not_found"
    assert account.count("commit") == before
    holder = made(account, body)
    again = here.call("POST", "/v1/commits/validate", json=body).json["data"]
    assert (again["outcome"], again["existing"]["id"]) == ("duplicate", holder)


def test_the_document(here: Gateway) -> None:
    """The document and its page are there for everybody."""
    document = here.call("GET", "/openapi.json", token="")
    assert document.json["openapi"].startswith("3.1")
    page = here.call("GET", "/docs", token="")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["/v1/contracts/customerCommits/list", "/v1/customers"])
def test_answers_are_as_documented(here: Gateway, path: str) -> None:
    """What the document promises of a page is what comes."""
    method, sent = ("POST", {"json": {"customer_id": ACME, "include_ledgers": True}}) if "list" in path else ("GET", {})
    kind = CommitPage if "list" in path else CustomerPage
    msgspec.json.decode(here.call(method, path, **sent).text, type=kind)


def test_changes(here: Gateway, account: Intake) -> None:
    """Access ends earlier, and a commit is edited, as the SDK does it; what is refused says why."""
    sdk = here.sdk()
    commit_id, credit_id = made(account, prepaid(name="before")), made(account, credit(), kind="credit")
    end = "2025-06-01T00:00:00Z"
    ended = sdk.v1.customers.commits.update_end_date(commit_id=commit_id, customer_id=ACME, access_ending_before=end)
    assert ended.data.id == commit_id
    sdk.v1.customers.credits.update_end_date(credit_id=credit_id, customer_id=ACME, access_ending_before=end)
    sdk.v2.contracts.edit_commit(commit_id=commit_id, customer_id=ACME, name="after", priority=7.5)
    sdk.v2.contracts.edit_credit(credit_id=credit_id, customer_id=ACME, priority=3)
    [commit] = sdk.v1.customers.commits.list(customer_id=ACME, commit_id=commit_id)
    assert commit.access_schedule
    assert (commit.name, commit.priority) == ("after", 7.5)
    assert commit.access_schedule.schedule_items[0].ending_before.month == 6
    path, body = "/v1/contracts/customerCommits/updateEndDate", {"commit_id": commit_id, "customer_id": ACME}
    later = here.call("POST", path, json=body | {"access_ending_before": "2027-01-01T00:00:00Z"})
    assert (later.status, later.json["code"]) == (400, "invalid_request")
    wrong = here.call("POST", path, json={"commit_id": "x", "credit_id": "y"}).json["errors"]
    assert {(each["path"], each["code"]) for each in wrong} == {
        ("/commit_id", "not_a_uuid"),
        ("/credit_id", "unknown_field"),
        ("/customer_id", "missing"),
    }
    stranger = here.call("POST", path, json=body | {"commit_id": str(uuid4())})
    assert stranger.status == 404


def test_parked(here: Gateway, account: Intake) -> None:
    """What is parked is listed page by page, counted, and sent on once, by whoever may operate; others see nothing."""
    first, second = str(new_id()), str(new_id())
    with by_hand(account.engine) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    for batch in (first, first, second):
        account.receive(entry(prepaid(name="poison")), batch_id=batch)
    with by_hand(account.engine) as connection:
        connection.execute(text("ALTER TABLE commit DROP CONSTRAINT poison"))

    def listed(**filters: Any) -> list[Any]:
        return list(here.call("GET", "/v1/parked", params=filters).json["data"])

    def replay(status: int = 200, token: str | None = None, **choice: Any) -> Any:
        answer = here.call("POST", "/v1/parked/replay", json=choice, token=token)
        assert answer.status == status
        return answer.json.get("data")

    told = here.call("GET", "/v1/parked", params={"limit": 2})
    msgspec.json.decode(told.text, type=ParkedPage)
    page = told.json
    rest = listed(limit=2, next_page=page["next_page"])
    assert [each["batch_id"] for each in [*page["data"], *rest]] == [first, first, second]
    assert (page["counts"], page["data"][0]["state"]) == ({"database_refused": 3}, "parked")
    assert len(listed(batch=first)) == len(listed(reason="database_refused", batch=first)) == 2
    assert listed(reason="transient") == []
    assert here.call("GET", "/v1/parked", params={"reason": "tired"}).status == 400
    stranger = Intake(account.engine, account="a stranger").token
    assert here.call("GET", "/v1/parked", token=stranger).json == {"data": [], "counts": {}, "next_page": None}
    assert replay(token=stranger, ids=[rest[0]["id"]]) == {"chosen": 0, "replayed": 0}
    replay(status=400)
    assert replay(reason="database_refused", dry_run=True) == {"chosen": 3, "replayed": 0}
    assert replay(ids=[rest[0]["id"]]) == {"chosen": 1, "replayed": 1}
    assert [replay(batch_id=first)["replayed"] for _ in range(2)] == [2, 0]
    assert (listed(), len(listed(state="replayed")), account.count("intake")) == ([], 3, 2)
    actors = account.rows("SELECT actor FROM audit WHERE account_id = :a AND action = 'replay_parked'")
    assert {row.actor for row in actors} == {here.token.split("_")[1]}
    kept = here.call("GET", f"/v1/requests/{rest[0]['request_id']}").json["data"]
    assert (kept["outcome"], kept["reason"]) == ("parked", "replayed")
