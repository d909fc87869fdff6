"""Events of all types, from the call or the instant that causes each to a receiver that is on the network."""

import json
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema_rs import Draft202012Validator
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from tests.acceptance.gateway import Gateway, gateway
from tests.acceptance.processes import Fleet, wait_for
from tests.conftest import SECRET_KEY, by_hand
from tests.integration.alert_book import DAY, BalanceBook
from tests.integration.usage_book import CUSTOMER, FEE, FIRST, SECOND, START, STORAGE
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup.wire.events import EVENT_TYPES, subject_type
from trueup_worker.batch_undo.undo import undo_batch

QUEUES = "commits,commits.bulk,usage,invoices,maintenance,events"
CHANGING = {"webhook": {"behind", "delivered_at"}, "batch": {"results"}}  # by every delivery; told in pages
Json = dict[str, Any]


class Receiver(ThreadingHTTPServer):
    """A receiver that verifies what comes with its secret, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.secret = ""
        self.told: list[Json] = []

    def last(self, event: str, subject: str) -> Json | None:
        """What was told of something as of the latest moment, once an event of this type has come."""
        of_it = [each for each in self.told if each["data"]["id"] == subject]
        if not any(each["type"] == event for each in of_it):
            return None
        return max(of_it, key=lambda each: each["as_of"])


class Hook(BaseHTTPRequestHandler):
    """Answers 204, below /gone 410, and 401 to what is not signed."""

    server: Receiver

    def do_POST(self) -> None:
        """Take a delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 410
        if self.path != "/gone":
            try:
                Webhook(self.server.secret).verify(body, dict(self.headers.items()))
                self.server.told.append(json.loads(body))
                status = 204
            except Exception:  # noqa: BLE001 (whatever is wrong with it)
                status = 401
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, as long as this lasts."""
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


class Story:
    """What happens in a sandbox account, and what the receiver must be told of it.

    Args:
        here: the gateway, called for the account.
        book: the account's clock and ids.
        receiver: of every event.
        document: the gateway's OpenAPI document.
    """

    def __init__(self, here: Gateway, book: BalanceBook, receiver: Receiver, document: Json) -> None:
        self.here, self.book, self.receiver, self.document = here, book, receiver, document
        self.seen: set[str] = set()

    def call(self, path: str, body: Json) -> Json:
        """The data of a call that succeeds."""
        answer = self.here.call("POST", path, json=body)
        assert answer.status in {200, 202}, answer.text
        found: Json = answer.json["data"]
        return found

    def create(self, kind: str, amount: int, starts: datetime, ends: datetime, **more: Any) -> str:
        """The id of a commit or credit that is made by a call."""
        segment = {"amount": amount, "starting_at": starts.isoformat(), "ending_before": ends.isoformat()}
        body = {
            "customer_id": str(CUSTOMER),
            "product_id": str(FEE),
            "priority": 1,
            "access_schedule": {"schedule_items": [segment]},
            "uniqueness_key": str(uuid4()),
            **({} if kind == "CREDIT" else {"type": kind}),
            **more,
        }
        noun = "Credit" if kind == "CREDIT" else "Commit"
        return str(self.call(f"/v1/contracts/customer{noun}s/create", body)["id"])

    def expect(self, *events: str, of: str, path: str) -> Json:
        """These events come; each is as the document says, and the last object as a call tells it now."""
        for event in events:
            wait_for(partial(self.receiver.last, event, of), what=f"{event} of {of}")
            self.seen.add(event)
        told = [each for each in self.receiver.told if each["data"]["id"] == of]
        for each in told:
            self.validate(each)
        last: Json = max(told, key=lambda each: each["as_of"])
        without = CHANGING.get(subject_type(last["type"]), set())
        answer = self.here.call("GET", path).json["data"]
        assert shorn(last["data"]["object"], without) == shorn(answer, without), last["type"]
        return last

    def expect_commit(self, *events: str, of: str) -> Json:
        """The same of a commit or credit."""
        return self.expect(*events, of=of, path=f"/v1/commits/{of}")

    def expect_invoice(self, *events: str, of: str) -> Json:
        """The same of an invoice or a draft."""
        return self.expect(*events, of=of, path=f"/v1/customers/{CUSTOMER}/invoices/{of}")

    def expect_any(self, event: str) -> Json:
        """Some event of this type, which is as the document says."""
        (told, *_) = wait_for(lambda: [each for each in self.receiver.told if each["type"] == event], what=event)
        self.seen.add(event)
        self.validate(told)
        return told

    def validate(self, told: Json) -> None:
        """Raises where a body is not as the document says."""
        call = self.document["webhooks"][told["type"]]["post"]
        schema = call["requestBody"]["content"]["application/json"]["schema"]
        whole = schema | {"components": self.document["components"]}
        Draft202012Validator(whole, validate_formats=True).validate(told)

    def invoices(self, **which: Any) -> list[Json]:
        """The customer's invoices and drafts."""
        answer = self.here.call("GET", f"/v1/customers/{CUSTOMER}/invoices", params=which)
        found: list[Json] = answer.json["data"]
        return found

    def invoice(self, chosen: Callable[[Json], bool]) -> str:
        """The id of the invoice that is chosen, once it is finalized."""
        (found,) = wait_for(
            lambda: [each for each in self.invoices(status="FINALIZED") if chosen(each)], what="an invoice"
        )
        return str(found["id"])


def shorn(told: Json, names: Collection[str]) -> Json:
    """An object without these members."""
    return {name: value for name, value in told.items() if name not in names}


@pytest.fixture
def story(module_database: Engine, module_fleet: Fleet) -> Iterator[Story]:
    """A sandbox whose events are all sent to a receiver."""
    book = BalanceBook(module_database)
    with module_database.begin() as connection:
        token = create_token(connection, account_id=book.account_id, scopes=SCOPES, secret_key=SECRET_KEY)
    module_fleet.worker(QUEUES, TRUEUP_WEBHOOK_LOOPBACK="true")
    module_fleet.scheduler()
    with gateway(module_fleet, token, TRUEUP_WEBHOOK_LOOPBACK="true") as here, receiving() as receiver:
        story = Story(here, book, receiver, here.call("GET", "/openapi.json").json)
        receiver.secret = story.call("/v1/webhooks", {"url": receiver.url})["secret"]
        yield story


@pytest.mark.slow
def test_each_type_of_event(story: Story) -> None:
    """Each body is signed, as the document says, and its object is what a call for it answers."""
    by_calls(story)
    by_rows(story)
    by_time_and_usage(story)
    switched_off(story)
    assert story.seen == set(EVENT_TYPES)


def by_calls(story: Story) -> None:
    """Commits and credits are created, edited and archived."""
    for kind, noun in (("PREPAID", "commit"), ("CREDIT", "credit")):
        made = story.create(kind, 700, START + 300 * DAY, START + 330 * DAY, name=f"{noun} <1>")
        told = story.expect_commit(f"{noun}.created", of=made)
        assert told["data"]["object"]["balance"] == 0
        which = {"customer_id": str(CUSTOMER), f"{noun}_id": made}
        story.call(f"/v2/contracts/{noun}s/edit", which | {"priority": 7, "name": "renamed"})
        told = story.expect_commit(f"{noun}.edited", of=made)
        assert (told["data"]["object"]["priority"], told["data"]["object"]["name"]) == (7, "renamed")
        story.call(f"/v2/contracts/{noun}s/archive", which)
        assert story.expect_commit(f"{noun}.archived", of=made)["data"]["object"]["archived_at"]


def by_rows(story: Story) -> None:
    """Rows of a batch are refused and parked; it is completed, and taken back."""
    with by_hand(story.book.engine) as connection:
        connection.execute(text("ALTER TABLE commit ADD CONSTRAINT poison CHECK (name <> 'poison')"))
    body = {
        "customer_id": str(CUSTOMER),
        "product_id": str(FEE),
        "priority": 1,
        "access_schedule": {
            "schedule_items": [
                {"amount": 5, "starting_at": "2031-01-01T00:00:00Z", "ending_before": "2031-02-01T00:00:00Z"}
            ]
        },
    }
    kinds: dict[str, Json] = {"commit": {"type": "PREPAID"}, "credit": {}}
    batches = []
    for kind, typed in kinds.items():
        rows = (body | typed | changed for changed in ({}, {"priority": "high"}, {"name": "poison"}))
        sent = story.here.call(
            "POST",
            f"/v1/batches?kind={kind}",
            content="\n".join(map(json.dumps, rows)),
            headers={"content-type": "application/jsonl"},
        )
        batches.append(str(sent.json["data"]["id"]))
        for event in (f"{kind}.rejected", f"{kind}.parked"):
            subject = story.expect_any(event)["data"]["id"]
            story.expect(event, of=subject, path=f"/v1/requests/{subject}")
    with by_hand(story.book.engine) as connection:
        connection.execute(text("ALTER TABLE commit DROP CONSTRAINT poison"))
        connection.execute(text("UPDATE batch SET awaited_at = now() WHERE awaited_at IS NOT NULL"))
    for batch in batches:
        story.expect("batch.completed", of=batch, path=f"/v1/batches/{batch}")
        undo_batch(story.book.engine, account_id=story.book.account_id, batch_id=UUID(batch), actor="key")
        story.expect("batch.undone", of=batch, path=f"/v1/batches/{batch}")


def by_time_and_usage(story: Story) -> None:
    """Access begins and ends, is used up and trued up; invoices are foretold, issued, held and voided."""
    book, february = story.book, datetime.fromisoformat("2030-02-01T00:00:00Z")
    starts, ends = START + DAY, february
    paid = {"schedule_items": [{"timestamp": (START + 20 * DAY).isoformat(), "amount": 90}]}
    commit = story.create("PREPAID", 100, starts, ends, invoice_schedule=paid, invoice_contract_id=str(FIRST))
    credit = story.create("CREDIT", 50, starts, ends)
    due = {"schedule_items": [{"timestamp": ends.isoformat(), "amount": 10_000}]}
    promise = story.create("POSTPAID", 10_000, starts, ends, invoice_schedule=due, invoice_contract_id=str(FIRST))
    march = february + 28 * DAY
    later = {"schedule_items": [{"timestamp": (march + 10 * DAY).isoformat(), "amount": 500}]}
    story.create("POSTPAID", 500, february, march, invoice_schedule=later, invoice_contract_id=str(SECOND))
    book.to(START + 2 * DAY)
    story.expect_commit("commit.segment.start", of=commit)
    story.expect_commit("credit.segment.start", of=credit)

    use(story, "250", START + 2 * DAY)
    told = story.expect_commit("commit.balance_low", "commit.exhausted", of=commit)
    assert told["data"]["object"]["balance"] == 0
    assert len(told["data"]["object"]["ledger"]) == 1
    story.expect_commit("credit.balance_low", "credit.exhausted", of=credit)

    book.to(START + 14 * DAY)
    instalment = next(each["id"] for each in story.invoices() if each["total"] == 90)
    assert story.expect_invoice("invoice.upcoming", of=instalment)["data"]["object"]["status"] == "DRAFT"
    book.to(START + 21 * DAY)
    story.expect_invoice("invoice.finalized", of=instalment)
    story.call("/v1/invoices/void", {"id": instalment})
    assert story.expect_invoice("invoice.voided", of=instalment)["data"]["object"]["status"] == "VOID"
    book.to(february - 7 * DAY)
    story.expect_commit("commit.expiring", of=commit)
    story.expect_commit("credit.expiring", of=credit)
    book.to(february + 2 * DAY)
    story.expect_commit("commit.segment.end", of=commit)
    story.expect_commit("credit.segment.end", of=credit)
    story.expect_commit("commit.trued_up", of=promise)
    assert story.expect_any("commit.trued_up")["data"]["facts"] == {"outcome": "issued"}
    story.expect_invoice("invoice.finalized", of=story.invoice(lambda each: each["type"] == "USAGE"))

    use(story, "1", START + 3 * DAY)
    assert "object" not in story.expect_any("usage.late")["data"]
    use(story, "30", february + 2 * DAY, contract_id=str(SECOND))
    book.to(march + 2 * DAY)
    usage = story.invoice(lambda each: each["contract_id"] == str(SECOND))
    story.call("/v1/invoices/void", {"id": usage})
    story.expect_invoice("invoice.finalized", "invoice.voided", of=usage)
    book.to(march + 11 * DAY)
    draft = story.expect_any("invoice.held")["data"]["id"]
    told = story.expect_invoice("invoice.held", of=draft)
    assert told["data"]["object"]["held_reason"] == told["data"]["facts"]["reason"] == "usage_voided"


def use(story: Story, quantity: str, at: datetime, **more: str) -> None:
    """A line of usage, by a call."""
    line = {
        "transaction_id": str(uuid4()),
        "customer_id": str(CUSTOMER),
        "contract_id": str(FIRST),
        "product_id": str(STORAGE),
        "timestamp": (at + timedelta(hours=1)).isoformat(),
        "quantity": int(quantity),
        "list_price": 1,
    }
    story.call("/v1/usage", line | more)


def switched_off(story: Story) -> None:
    """A webhook that is not wanted any more."""
    other = str(story.call("/v1/webhooks", {"url": f"{story.receiver.url}/gone"})["id"])
    story.create("CREDIT", 1, START + 300 * DAY, START + 301 * DAY)
    story.expect("webhook.disabled", of=other, path=f"/v1/webhooks/{other}")
