"""What is sent, and what must become of it.

The book holds every request that producers were ever given, in two accounts that use the same keys and the same ids for
different contents: whoever mixes them up is found out. A third account holds what was called for over HTTP.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from tests import bodies
from trueup.ids import row_id
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.message.packing import content_of
from trueup.wire.outcome import Verdict

ACCOUNTS = ("acme", "globex")
CALLERS = "callers"
_AMOUNT_OF_ACCOUNT = {"acme": 10_000_000, "globex": 20_000_000, CALLERS: 30_000_000}
_NOBODY = "00000000-0000-4000-8000-000000000000"
_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Planned:
    """One request, and what must become of it.

    Attributes:
        verdict: what it gets, unless another request holds its key: `created`, `invalid` or `not_found`.
        key: its uniqueness key: one request of those that share it is `created`, the others are `duplicate`.
        idempotency_key: one request of those that share it makes the commit, the others get its answer.
        amount: what its commit gives access to.
        invoices: the totals that fall due at once.
    """

    id: UUID
    kind: Kind
    text: str
    verdict: Verdict
    key: str | None
    idempotency_key: str | None
    amount: int
    invoices: tuple[int, ...]

    def queued(self) -> QueuedRequest:
        """As it travels."""
        return QueuedRequest(str(self.id), self.kind, self.idempotency_key, *content_of(self.text))

    def line(self) -> str:
        """As it stands in a file."""
        if self.kind == "commit" and self.idempotency_key is None:
            return self.text
        head = {"kind": self.kind, "idempotency_key": self.idempotency_key}
        return f'{json.dumps(head)[:-1]}, "body": {self.text}}}'


@dataclass(slots=True)
class Account:
    """What one account was given to send."""

    name: str
    planned: dict[UUID, Planned] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    replayable: list[Planned] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def next_amount(self) -> int:
        """An amount that no other request has, in any account."""
        return _AMOUNT_OF_ACCOUNT[self.name] + next(self._numbers)


@dataclass(frozen=True, slots=True)
class Load:
    """How much is sent in one round.

    Attributes:
        backlog: envelopes that must wait before any work begins.
        kept_first: rows of each account that are submitted then, and `kept_more` when the faults begin.
        files_first: rows of each account's file that is ingested then, and `files_more` of another.
    """

    backlog: int = 200
    kept_first: int = 200
    files_first: int = 450
    kept_more: int = 30
    files_more: int = 50


class Book:
    """Everything that was planned, by account."""

    def __init__(self) -> None:
        self.accounts = {name: Account(name) for name in (*ACCOUNTS, CALLERS)}

    def plan(self, rng: Random, how: str, rows: int, folder: Path) -> None:
        """Gives both accounts' producers a file of so many requests, under the same batch id."""
        batch_id = UUID(int=rng.getrandbits(128), version=4)
        for account in map(self.accounts.__getitem__, ACCOUNTS if rows else ()):
            planned = self.draw(rng, account.name, rows, batch_id)
            path = folder / f"{account.name}.{batch_id}.{how}.jsonl"
            staged = path.with_suffix(".staged")
            staged.write_text("".join(f"{each.line()}\n" for each in planned))
            staged.rename(path)

    def draw(self, rng: Random, name: str, rows: int, batch_id: UUID | None = None) -> list[Planned]:
        """So many requests of an account, of every form, which somebody now has to send."""
        batch_id = batch_id or UUID(int=rng.getrandbits(128), version=4)
        return [_plan(rng, self.accounts[name], row_id(batch_id, number)) for number in range(1, rows + 1)]

    def call(self) -> "Planned":
        """A request that is called for over HTTP, where it gets its id; it is in the book once it was `taken`."""
        account = self.accounts[CALLERS]
        amount = account.next_amount()
        return _planned(_NO_ID, amount, bodies.prepaid(uniqueness_key=f"call {amount}"))

    def taken(self, planned: "Planned", request_id: UUID) -> None:
        """A call was answered, and not refused."""
        self.accounts[CALLERS].planned[request_id] = replace(planned, id=request_id)

    def __len__(self) -> int:
        return sum(len(account.planned) for account in self.accounts.values())


def _plan(rng: Random, account: Account, request_id: UUID) -> Planned:
    [form] = rng.choices(list(_FORMS), weights=list(_FORMS.values()))
    planned = form(rng, account, request_id)
    account.planned[request_id] = planned
    return planned


def _fresh(_: Random, account: Account, request_id: UUID) -> Planned:
    """A key that nobody used in this account."""
    key = f"order {len(account.keys)}"
    account.keys.append(key)
    return _invoiced(account, request_id, uniqueness_key=key)


def _used(rng: Random, account: Account, request_id: UUID) -> Planned:
    """A key of an earlier request."""
    return _invoiced(account, request_id, uniqueness_key=rng.choice(account.keys or ["order"]))


def _invoiced(account: Account, request_id: UUID, **more: Any) -> Planned:
    """Two items that are due already, and one that will not be for long."""
    amount = account.next_amount()
    totals = {year: amount + year for year in (2024, 2025, 2999)}
    items = [{"timestamp": f"{year}-01-01T00:00:00Z", "amount": total} for year, total in totals.items()]
    return _planned(request_id, amount, bodies.invoiced(*items, **more), invoices=(totals[2024], totals[2025]))


def _keyless(_: Random, account: Account, request_id: UUID) -> Planned:
    amount = account.next_amount()
    return _planned(request_id, amount, bodies.prepaid())


def _credit(_: Random, account: Account, request_id: UUID) -> Planned:
    return _planned(request_id, account.next_amount(), bodies.credit(), kind="credit")


def _true_up(_: Random, account: Account, request_id: UUID) -> Planned:
    """Access has ended, and nothing was used: all of it is due."""
    amount = account.next_amount()
    body = bodies.postpaid(
        invoice_schedule={"schedule_items": [{"timestamp": "2025-01-01T00:00:00Z", "amount": amount}]}
    )
    return _planned(request_id, amount, body, invoices=(amount,))


def _idempotent(rng: Random, account: Account, request_id: UUID) -> Planned:
    """Every other one is an earlier one again."""
    if account.replayable and rng.random() < 0.5:
        return replace(rng.choice(account.replayable), id=request_id)
    planned = _planned(request_id, account.next_amount(), bodies.prepaid())
    planned = replace(planned, idempotency_key=f"call {planned.amount}")
    account.replayable.append(planned)
    return planned


def _invalid(rng: Random, account: Account, request_id: UUID) -> Planned:
    body = bodies.without(bodies.prepaid(), (rng.choice(["priority", "type", "access_schedule", "product_id"]),))
    text = rng.choice([json.dumps(body), "{not json", "[1, 2]", json.dumps(body)])
    return Planned(request_id, "commit", text, "invalid", None, None, account.next_amount(), ())


def _not_found(_: Random, account: Account, request_id: UUID) -> Planned:
    return _planned(request_id, account.next_amount(), bodies.prepaid(customer_id=_NOBODY), verdict="not_found")


_FORMS = {
    _fresh: 40,
    _used: 15,
    _keyless: 10,
    _credit: 8,
    _true_up: 12,
    _idempotent: 6,
    _invalid: 6,
    _not_found: 3,
}


def _planned(
    request_id: UUID,
    amount: int,
    body: bodies.Body,
    *,
    kind: Kind = "commit",
    verdict: Verdict = "created",
    invoices: tuple[int, ...] = (),
) -> Planned:
    text = json.dumps(bodies.changed(body, bodies.AMOUNT, amount))
    return Planned(request_id, kind, text, verdict, body.get("uniqueness_key"), None, amount, invoices)
