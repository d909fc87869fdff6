"""Lists of an account over HTTP: over all customers, with the filters that the command line has."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet
from tests.acceptance.test_gateway_batches import decided
from tests.acceptance.test_gateway_reads import INVOICED, credit, made
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import ACME, prepaid
from trueup.ids import new_id
from trueup.store.postgres.search_page import SEARCHED_ROWS_MAX

MANY_CUSTOMERS = """
    INSERT INTO customer (account_id, id, name, custom_fields)
    SELECT :account_id, lpad(n::text, 32, '0')::uuid, 'Many', '{}' FROM generate_series(1, :rows) AS n
"""


@pytest.fixture(scope="module")
def here(module_fleet: Fleet, account: Intake) -> Iterator[Gateway]:
    """A gateway with a worker behind it."""
    module_fleet.worker("commits,commits.bulk")
    with gateway(module_fleet, account.token) as running:
        yield running


def pages(here: Gateway, path: str, **query: Any) -> Iterator[Any]:
    """Everything that a list has, page by page."""
    place: Any = {}
    while place is not None:
        answer = here.call("GET", path, params=query | place)
        assert answer.status == 200, answer.text
        yield from answer.json["data"]
        next_page = answer.json["next_page"]
        place = None if next_page is None else {"next_page": next_page}


def ids(here: Gateway, path: str, **query: Any) -> list[str]:
    """Ids in the order of a list."""
    return [each["id"] for each in pages(here, path, **query)]


def refused(account: Intake, **more: Any) -> str:
    """The id of a request that is refused."""
    request_id = str(new_id())
    [outcome] = account.receive(entry(prepaid(**more), request_id=request_id))
    assert outcome.outcome != "created"
    return request_id


def test_commits(here: Gateway, account: Intake) -> None:
    """By customer, type, state and by what a key, a name or another id begins with; page by page it is the same."""
    named = f"list-{uuid4()}"
    commits = [made(account, prepaid(uniqueness_key=f"{named}-{number}")) for number in range(3)]
    granted = [made(account, credit(uniqueness_key=f"{named}-credit"), kind="credit")]
    assert ids(here, "/v1/commits/list", prefix=named, limit=2) == commits + granted
    assert ids(here, "/v1/commits/list", prefix=named, type="CREDIT", archived=False) == granted
    assert ids(here, "/v1/commits/list", prefix=named, archived=True) == []
    assert set(commits + granted) <= set(ids(here, "/v1/commits/list", customer_id=ACME, limit=1))
    [told] = pages(here, "/v1/commits/list", prefix=f"{named}-0")
    assert (told["customer_id"], told["uniqueness_key"], told["amount"]) == (ACME, f"{named}-0", 1_000)


def test_requests(here: Gateway, account: Intake) -> None:
    """Newest first, by outcome, code, customer, key and time."""
    key, stranger = str(uuid4()), str(uuid4())
    made(account, prepaid(uniqueness_key=key))
    repeated = refused(account, uniqueness_key=key, name="another")
    odd = refused(account, uniqueness_key=key, priority="high")
    strange = refused(account, customer_id=stranger)
    assert ids(here, "/v1/requests", uniqueness_key=key, limit=1) == [odd, repeated]
    assert ids(here, "/v1/requests", uniqueness_key=key, outcome="duplicate") == [repeated]
    assert ids(here, "/v1/requests", uniqueness_key=key, code="not_a_number") == [odd]
    [told] = pages(here, "/v1/requests", customer=stranger.upper())
    assert (told["id"], told["outcome"], told["customer"]) == (strange, "not_found", stranger)
    assert told["errors"][0]["code"] == "customer_not_found"
    assert ids(here, "/v1/requests", customer=stranger, since=told["decided_at"]) == [strange]
    assert ids(here, "/v1/requests", customer=stranger, until=told["decided_at"]) == []
    assert ids(here, "/v1/requests")[:3] == [strange, odd, repeated]


def test_batches_and_their_requests(here: Gateway) -> None:
    """Batches come newest first; what a batch has refused in the order of its rows."""
    sent = [here.call("POST", "/v1/batches", content=b"[]\n[]", params={"new": True}) for _ in range(3)]
    batches = [each.json["data"]["id"] for each in sent]
    assert ids(here, "/v1/batches", limit=2)[:3] == batches[::-1]
    newest = next(pages(here, "/v1/batches"))
    assert (newest["state"], newest["rows"], newest["kind"]) == ("received", 2, "commit")
    rows = decided(here, batches[0])["data"]["results"]
    assert ids(here, "/v1/requests", batch=batches[0], limit=1) == [each["id"] for each in rows]
    assert ids(here, "/v1/requests", batch=batches[0], outcome="parked") == []
    for each in batches:
        decided(here, each)


def test_invoices(here: Gateway, account: Intake) -> None:
    """By status, customer and commit; a draft says when it is due."""
    commit_id = made(account, prepaid(**INVOICED))
    [draft] = pages(here, "/v1/invoices", commit_id=commit_id)
    assert (draft["status"], draft["commit_id"], draft["total"], draft["number"]) == ("DRAFT", commit_id, 250, None)
    assert draft["due_at"].startswith("2025-01-01")
    assert draft["id"] in ids(here, "/v1/invoices", customer_id=ACME, status="DRAFT", limit=1)
    assert ids(here, "/v1/invoices", commit_id=commit_id, status="VOID") == []
    assert draft["id"] in ids(here, "/v1/invoices", search=draft["customer"][1:].upper())
    assert ids(here, "/v1/invoices", search="Nobody Else") == []


def added(here: Gateway, path: str, **body: Any) -> str:
    """The id of what a call adds."""
    answer = here.call("POST", path, json=body)
    assert answer.status == 200, answer.text
    return str(answer.json["data"]["id"])


def test_customers(here: Gateway) -> None:
    """By a piece of the name in any case, or a whole alias."""
    word, alias = f"Île {uuid4()}", f"alias-{uuid4()}"
    customers = [added(here, "/v1/customers", name=f"The {word} {number}") for number in range(3)]
    called = added(here, "/v1/customers", name="Another", ingest_aliases=[alias])
    assert ids(here, "/v1/customers/list", search=word.upper(), limit=2) == customers
    assert ids(here, "/v1/customers/list", search=f"{word.lower()} 1") == customers[1:2]
    [told] = pages(here, "/v1/customers/list", search=alias)
    assert (told["id"], told["name"], told["aliases"]) == (called, "Another", [alias])
    assert ids(here, "/v1/customers/list", search=alias[:-1]) == []
    assert {*customers, called} <= set(ids(here, "/v1/customers/list"))


def test_products(here: Gateway) -> None:
    """By a piece of the name."""
    word = str(uuid4())
    products = [
        added(here, "/v1/contract-pricing/products/create", name=f"{word} {number}", type="FIXED", tags=["seats"])
        for number in range(3)
    ]
    assert ids(here, "/v1/products/list", search=word[1:], limit=1) == products
    [told] = pages(here, "/v1/products/list", search=f"{word} 2")
    assert (told["id"], told["type"], told["tags"]) == (products[2], "FIXED", ["seats"])
    assert set(products) <= set(ids(here, "/v1/products/list"))


def test_contracts(here: Gateway) -> None:
    """Of all customers, by a piece of the name or the customer's, or the beginning of the uniqueness key."""
    word, key = str(uuid4()), f"key-{uuid4()}"
    customer_id = added(here, "/v1/customers", name=f"Owner {word}")
    begins = {"starting_at": "2025-01-01T00:00:00Z"}
    owned = added(here, "/v1/contracts/create", customer_id=customer_id, uniqueness_key=key, **begins)
    named = added(here, "/v1/contracts/create", customer_id=ACME, name=f"Named {word}", **begins)
    assert ids(here, "/v1/contracts/list", search=word.upper(), limit=1) == [owned, named]
    assert ids(here, "/v1/contracts/list", search=f"named {word}") == [named]
    [told] = pages(here, "/v1/contracts/list", search=key[:-1])
    assert (told["id"], told["customer"], told["uniqueness_key"]) == (owned, f"Owner {word}", key)
    assert ids(here, "/v1/contracts/list", search=key[1:]) == []


def test_a_page_looks_at_a_bounded_stretch(here: Gateway, account: Intake) -> None:
    """What stands far below is found by the next page; the first one is empty and says how to go on."""
    with account.engine.begin() as connection:
        connection.execute(text(MANY_CUSTOMERS), {"account_id": account.account_id, "rows": SEARCHED_ROWS_MAX})
    word = str(uuid4())
    customer_id = added(here, "/v1/customers", name=word)
    first = here.call("GET", "/v1/customers/list", params={"search": word})
    assert (first.json["data"], UUID(first.json["next_page"]).int) == ([], int(str(SEARCHED_ROWS_MAX), 16))
    assert ids(here, "/v1/customers/list", search=word) == [customer_id]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/v1/commits/list", {"next_page": "key.1"}, "/next_page"),
        ("/v1/commits/list", {"prefix": "a", "next_page": str(uuid4())}, "/next_page"),
        ("/v1/commits/list", {"type": "FREE"}, "/type"),
        ("/v1/requests", {"batch": str(uuid4()), "next_page": "-1"}, "/next_page"),
        ("/v1/requests", {"next_page": "1"}, "/next_page"),
        ("/v1/requests", {"since": "yesterday"}, "/since"),
        ("/v1/batches", {"limit": 1_000}, "/limit"),
        ("/v1/invoices", {"state": "DRAFT"}, "/state"),
        ("/v1/customers/list", {"search": ""}, "/search"),
        ("/v1/products/list", {"search": "\0"}, "/search"),
        ("/v1/contracts/list", {"search": "x" * 1_001}, "/search"),
        ("/v1/contracts/list", {"next_page": "1"}, "/next_page"),
    ],
)
def test_what_cannot_be_listed(here: Gateway, path: str, query: dict[str, Any], field: str) -> None:
    """The parameter is named."""
    answer = here.call("GET", path, params=query)
    assert (answer.status, answer.json["errors"][0]["path"]) == (400, field)
