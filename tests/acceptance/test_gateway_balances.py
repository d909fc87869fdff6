"""Balances over HTTP: added up, adjusted by hand, archived, freed of their true-up; a credit is no commit."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import metronome
import msgspec
import pytest
from metronome import Metronome

from tests.acceptance.gateway import Answer, Gateway
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import ACME, CONTRACT, prepaid
from trueup.ids import new_id
from trueup_worker.gateway.answers.commits import NetBalanceAnswer

ADJUST = "/v1/contracts/addManualBalanceLedgerEntry"
EVER = [{"amount": 1000, "starting_at": "2020-01-01T00:00:00Z", "ending_before": "2099-01-01T00:00:00Z"}]


@pytest.fixture
def sdk(here: Gateway) -> Metronome:
    """The SDK, which repeats nothing."""
    return here.sdk(max_retries=0)


def made(account: Intake, **more: Any) -> str:
    """The id of a commit of 1,000 that is usable now; of a credit where its type is None."""
    body = prepaid(**{"access_schedule": {"schedule_items": EVER}, **more})
    kind = "commit" if body["type"] else "credit"
    request_id = str(new_id())
    sent = {name: value for name, value in body.items() if value is not None}
    [outcome] = account.receive(entry(sent, request_id=request_id, kind=kind))
    assert outcome.outcome == "created", outcome
    return request_id


def postpaid(account: Intake) -> str:
    """The id of a POSTPAID commit of 1,000."""
    schedule = {"schedule_items": [{"timestamp": "2099-01-01T00:00:00Z", "amount": 1000}]}
    return made(account, type="POSTPAID", invoice_schedule=schedule, invoice_contract_id=CONTRACT)


def segment(account: Intake, commit_id: str) -> str:
    """The id of the commit's one segment."""
    [(found,)] = account.rows(f"SELECT id FROM segment WHERE account_id = :a AND commit_id = '{commit_id}'")
    return str(found)


def test_net_balance(sdk: Metronome, here: Gateway, account: Intake) -> None:
    """What is usable now is added up: of what any filter admits, money and quantities apart."""
    tag = {"campaign": str(uuid4())}
    paid, free = made(account, custom_fields=tag | {"more": "x"}), made(account, type=None, custom_fields=tag)
    units = {"access_type": "QUANTITY", "schedule_items": EVER}
    made(account, custom_fields=tag, access_schedule=units)

    def net(*filters: Any, **more: Any) -> float:
        return sdk.v1.contracts.get_net_balance(customer_id=ACME, filters=filters, **more).data.balance

    assert net({"custom_fields": tag}) == 2000
    assert net({"custom_fields": tag, "balance_types": ["CREDIT", "POSTPAID_COMMIT"]}) == 1000
    assert net({"ids": [paid], "balance_types": ["CREDIT"]}, {"ids": [free]}) == 1000
    assert net({"custom_fields": tag}, access_type="QUANTITY", invoice_inclusion_mode="FINALIZED") == 1000
    assert net({"ids": []}) == 0
    assert net() >= net({}) >= 2000
    said = {"customer_id": ACME, "access_type": "QUANTITY"}
    answer = here.call("POST", "/v1/contracts/customerBalances/getNetBalance", json=said)
    assert msgspec.json.decode(answer.text, type=NetBalanceAnswer).data.credit_type_id == UUID(int=0)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"customer_id": str(uuid4())}, 404, "customer_not_found"),
        ({"credit_type_id": str(uuid4())}, 404, "unit_not_found"),
        ({"credit_type_id": str(uuid4()), "access_type": "QUANTITY"}, 400, "wrong_type"),
        ({"filters": [{"balance_types": ["COMMIT"]}]}, 400, "not_an_enum_value"),
    ],
)
def test_a_net_balance_of_nothing(here: Gateway, said: dict[str, Any], status: int, code: str) -> None:
    """What is not there, or does not go together, is told."""
    answer = here.call("POST", "/v1/contracts/customerBalances/getNetBalance", json={"customer_id": ACME} | said)
    assert (answer.status, [each["code"] for each in answer.json["errors"]]) == (status, [code])


def test_a_manual_entry(sdk: Metronome, account: Intake) -> None:
    """It stands in the ledger with its reason, from the segment's start, and counts at once; a key works once."""
    commit_id = made(account)
    entered = {"id": commit_id, "customer_id": ACME, "segment_id": segment(account, commit_id)}
    sdk.v1.contracts.add_manual_balance_entry(**entered, amount=-250.5, reason="goodwill")
    dated = {"amount": 1, "reason": "again", "timestamp": "2098-01-01T00:00:00Z", "uniqueness_key": commit_id}
    sdk.v1.contracts.add_manual_balance_entry(**entered, **dated)
    with pytest.raises(metronome.ConflictError) as told:
        sdk.v1.contracts.add_manual_balance_entry(**entered, **dated)
    [commit] = sdk.v1.customers.commits.list(
        customer_id=ACME, commit_id=commit_id, include_ledgers=True, include_balance=True
    )
    assert commit.ledger
    assert [(each.amount, each.timestamp.year) for each in commit.ledger] == [(1000, 2020), (-250.5, 2020), (1, 2098)]
    assert commit.balance == 750.5
    holder = account.rows(f"SELECT id FROM ledger_entry WHERE account_id = :a AND uniqueness_key = '{commit_id}'")
    assert told.value.body["existing"] == {"id": str(holder[0][0]), "type": "LEDGER_ENTRY"}


def test_a_manual_entry_that_is_none(here: Gateway, account: Intake) -> None:
    """Another's commit or segment is missing; every wrong field is told; what is archived takes no entries."""
    commit_id = made(account)
    right = {"id": commit_id, "customer_id": ACME, "segment_id": segment(account, commit_id)}
    right |= {"amount": 1, "reason": "x"}

    def adjust(**more: Any) -> Answer:
        return here.call("POST", ADJUST, json=right | more)

    stranger = Intake(account.engine, account="another").token
    assert here.call("POST", ADJUST, json=right, token=stranger).status == 404
    others = ("id", "customer_id", "segment_id")
    assert {adjust(**{name: str(uuid4())}).status for name in others} == {404}
    wrong = adjust(amount=0, reason=" ", timestamp=1, per_group_amounts={"seat": 1}, contract_id=CONTRACT)
    assert {(each["path"], each["code"]) for each in wrong.json["errors"]} == {
        ("/amount", "wrong_type"),
        ("/reason", "too_short"),
        ("/timestamp", "not_a_timestamp"),
        ("/per_group_amounts", "unknown_field"),
        ("/contract_id", "unknown_field"),
    }
    archived = {"commit_id": commit_id, "customer_id": ACME}
    assert here.call("POST", "/v2/contracts/commits/archive", json=archived).json == {"data": {"id": commit_id}}
    assert adjust().status == 400


def test_archive(sdk: Metronome, here: Gateway, account: Intake) -> None:
    """What is archived is listed where it is asked for, with nothing left."""
    credit_id = made(account, type=None)
    said = {"credit_id": credit_id, "customer_id": ACME}
    assert here.call("POST", "/v2/contracts/credits/archive", json=said).status == 200
    assert list(sdk.v1.customers.credits.list(customer_id=ACME, credit_id=credit_id)) == []
    [archived] = sdk.v1.contracts.list_balances(
        customer_id=ACME, id=credit_id, include_archived=True, include_balance=True
    )
    assert (archived.balance, archived.archived_at is None) == (0, False)


def test_disable_true_up(here: Gateway, account: Intake) -> None:
    """The draft is suppressed; a contract that it is not invoiced on does not have it; a PREPAID one has none."""
    commit_id, path = postpaid(account), "/v1/contracts/commits/disableTrueup"
    said = {"commit_id": commit_id, "customer_id": ACME}
    assert here.call("POST", path, json=said | {"contract_id": str(uuid4())}).status == 404
    assert here.call("POST", path, json=said | {"contract_id": CONTRACT}).json == {"data": {"id": commit_id}}
    suppressed = f"SELECT suppressed_by FROM obligation WHERE account_id = :a AND commit_id = '{commit_id}'"
    assert account.rows(suppressed) == [("true_up_disabled",)]
    assert here.call("POST", path, json=said | {"commit_id": made(account)}).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v1/contracts/customer{}s/updateEndDate",
        "/v2/contracts/{}s/edit",
        "/v2/contracts/{}s/archive",
    ],
)
def test_a_credit_is_no_commit(here: Gateway, account: Intake, path: str) -> None:
    """Where a commit is meant a credit's id is missing like any other, and the other way round."""
    of: Callable[[str], str] = path.format
    ids = {"commit": made(account), "credit": made(account, type=None)}
    for kind, other in (("commit", "credit"), ("credit", "commit")):
        name = kind.capitalize() if "customer" in path else kind
        missing = str(uuid4())
        said = {f"{kind}_id": ids[other], "customer_id": ACME}
        wrong = here.call("POST", of(name), json=said)
        lost = here.call("POST", of(name), json=said | {f"{kind}_id": missing})
        assert (wrong.status, wrong.text.replace(ids[other], missing)) == (404, lost.text)
        assert here.call("POST", of(name), json=said | {f"{kind}_id": ids[kind]}).status == 200
