"""An application that keeps its own copy of commits, credits and invoices from webhooks alone.

    python -m tests.chaos --copies --rounds 30

A round is one of chaos, with a receiver that dies, refuses and hangs, and beside the backlog of requests the life of
some customers, month by month. When all is quiet, the copy must be what the API tells, object by object.

What changes without an event is not compared: of a commit its balance, its ledger, which invoices its items became, and
what is unpaid; drafts. Names of the catalog, and marks on invoices, are not changed here.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from threading import Event
from typing import Any

import httpx

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.faults import receiver as receiver_faults
from tests.chaos.invariants import few
from tests.chaos.life import Life
from tests.chaos.lineup import Lineup
from tests.chaos.load import ACCOUNTS, Load
from tests.chaos.receiving import Folder
from tests.chaos.runner import ROUNDS_PER_WORLD, Report, run_round
from tests.chaos.waiting import wait_for
from tests.chaos.world import START_SECONDS_MAX, World, open_world
from tests.conftest import SECRET_KEY
from trueup.defaults import USAGE_GRACE_H
from trueup.store.accounts.tokens import create_token
from trueup.store.invoices.accounts_due import accounts_due
from trueup.store.webhooks.endpoints import create_endpoint
from trueup.wire.events import EVENT_TYPES
from trueup_worker.webhooks.signature import new_secret

LINEUP = Lineup(
    workers=(
        ("single", "commits,usage"),
        ("bulk", "commits,commits.bulk,usage"),
        ("invoices", "invoices,maintenance"),
        ("events-1", "events"),
        ("events-2", "events"),
    ),
    app="tests.chaos.hasty_webhooks",
    receiver="tests.chaos.receiving",
)
LOAD = Load(backlog=40, kept_first=60, files_first=120, kept_more=15, files_more=25)
TYPES = [each for each in EVENT_TYPES.values() if each.partition(".")[0] in ("commit", "credit", "invoice")]
RECOVERY_SECONDS_MAX = 120.0  # deliveries wait for leases and retries, and months for those before them
_PAGE = 100
_UNTOLD = ("balance", "ledger", "unpaid")
_UNTOLD_OF_ITEMS = ("id", "invoice_id")
_LEFT = """
    SELECT (SELECT count(*) FROM webhook_delivery WHERE state = 'waiting'),
           (SELECT count(*) FROM webhook_endpoint JOIN feed USING (account_id) WHERE position < last_position),
           (SELECT count(*) FROM usage_month WHERE settles_at > now())
"""

Objects = dict[tuple[str, str], Any]


@dataclass(slots=True)
class Copies:
    """A world with an application that keeps a copy, and what it must be.

    Attributes:
        folder: of the application.
        tokens: of all accounts that it copies, by name.
        life: of the customers of one of them.
    """

    world: World
    folder: Folder
    tokens: Mapping[str, str]
    life: Life
    pool: ThreadPoolExecutor
    _lived: Future[str] = field(default_factory=Future)
    _over: Event = field(default_factory=Event)

    def begin_life(self, _: World, __: Random) -> str:
        """The customers go on living."""
        self._over.clear()
        self._lived = self.pool.submit(self.life.go_on, self._over)
        return "on a sandbox's clock"

    def end_life(self, _: World, __: Random) -> str:
        """They live no more for now."""
        self._over.set()
        return self._lived.result()

    def left(self) -> dict[str, int]:
        """What is still to be delivered, and who has something due by the account's own clock."""
        [(waiting, behind, settling)] = self.world.rows(_LEFT)
        with self.world.engine.connect() as connection:
            due = accounts_due(connection, accounts_max=1, usage_grace_h=USAGE_GRACE_H)
        return {
            "deliveries waiting": waiting,
            "webhooks behind": behind,
            "months that wait for more usage": settling,
            "accounts with something due": len(due),
        }

    def violations(self) -> list[str]:
        """Differences between the copy and what the API tells; deliveries that were given up."""
        found = few("given up", (str(each.event_id) for each in self.world.rows(_FAILED)))
        kept = self.kept()
        for name in self.tokens:
            told = self.told(name)
            known = {key: told.get(key) if each is None else each for key, each in kept[name].items()}
            found += few(f"copy of {name}", differences({key: each for key, each in known.items() if each}, told))
        return found

    def kept(self) -> Mapping[str, Objects]:
        """The copy, by account: objects by kind and id, without drafts; None: one that the application asks for."""
        copied: dict[str, Objects] = {name: {} for name in self.tokens}
        with closing(sqlite3.connect(self.folder.copy)) as database:
            for account, kind, key, body in database.execute("SELECT account, kind, id, body FROM object"):
                told = json.loads(body, parse_float=Decimal)["data"].get("object")
                if kind != "request" and (told is None or told.get("status") != "DRAFT"):
                    copied[account][kind, key] = None if told is None else comparable(kind, told)
        return copied

    def told(self, name: str) -> Objects:
        """All commits, credits and finalized or void invoices of an account, as the gateway tells them."""
        headers = {"authorization": f"Bearer {self.tokens[name]}"}
        with httpx.Client(base_url=self.world.http_url, headers=headers, timeout=30) as gateway:
            return {
                (kind, each["id"]): comparable(kind, each)
                for customer in _customers(self.world, name)
                for kind, each in _objects_of(gateway, customer)
            }

    def counts(self) -> Counter[str]:
        """How much arrived, and how often."""
        with closing(sqlite3.connect(self.folder.copy)) as database:
            [(deliveries, times)] = database.execute("SELECT count(*), coalesce(sum(times), 0) FROM delivery")
        objects = [each for kept in self.kept().values() for each in kept.values()]
        told = {
            "deliveries kept": deliveries,
            "of them again": times - deliveries,
            "objects copied": len(objects) - objects.count(None),
        }
        return Counter(told | {"objects left out": objects.count(None)})


_FAILED = "SELECT event_id FROM webhook_delivery WHERE state = 'failed'"
_CUSTOMERS = """
    SELECT DISTINCT customer_id AS id FROM commit JOIN account ON account.id = account_id WHERE account.name = :name
     UNION SELECT customer_id FROM invoice JOIN account ON account.id = account_id WHERE account.name = :name
"""


def comparable(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """An object without what no event tells of."""
    if kind == "invoice":
        return told
    left = {name: value for name, value in told.items() if name not in _UNTOLD}
    if schedule := left.get("invoice_schedule"):
        items = [
            {name: value for name, value in each.items() if name not in _UNTOLD_OF_ITEMS}
            for each in schedule["schedule_items"]
        ]
        left["invoice_schedule"] = schedule | {"schedule_items": items}
    return left


def differences(kept: Objects, told: Objects) -> Iterator[str]:
    """What the copy has and the API does not tell, the other way round, and what differs in which fields."""
    for kind, key in sorted(told.keys() - kept.keys()):
        yield f"{kind} {key} is missing"
    for kind, key in sorted(kept.keys() - told.keys()):
        yield f"{kind} {key} is in it, and nowhere else"
    for kind, key in sorted(told.keys() & kept.keys()):
        copied, actual = kept[kind, key], told[kind, key]
        fields = [name for name in sorted(copied | actual) if copied.get(name) != actual.get(name)]
        if fields:
            examples = ", ".join(f"{name} {copied.get(name)} instead of {actual.get(name)}" for name in fields)
            yield f"{kind} {key} has {examples}"


def _customers(world: World, name: str) -> list[str]:
    return [str(each.id) for each in world.rows(_CUSTOMERS, name=name)]


def _objects_of(gateway: httpx.Client, customer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, path in (("commit", "customerCommits"), ("credit", "customerCredits")):
        asked = {"customer_id": customer, "include_archived": True, "limit": _PAGE}

        def page(cursor: dict[str, str], path: str = path, asked: dict[str, Any] = asked) -> httpx.Response:
            return gateway.post(f"/v1/contracts/{path}/list", json=asked | cursor)

        yield from ((kind, each) for each in _pages(page))
    for status in ("FINALIZED", "VOID"):
        wanted = {"status": status, "limit": str(_PAGE)}

        def invoices(cursor: dict[str, str], wanted: dict[str, str] = wanted) -> httpx.Response:
            return gateway.get(f"/v1/customers/{customer}/invoices", params=wanted | cursor)

        yield from (("invoice", each) for each in _pages(invoices))


def _pages(page: Callable[[dict[str, str]], httpx.Response]) -> Iterable[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        answer = page(cursor)
        answer.raise_for_status()
        told = json.loads(answer.text, parse_float=Decimal)
        yield from told["data"]
        if not told["next_page"]:
            return
        cursor = {"next_page": told["next_page"]}


@contextmanager
def open_copies(lineup: Lineup = LINEUP) -> Iterator[Copies]:
    """A world with an application that is sent everything that it copies, from the first event on."""
    with open_world(lineup) as world, ExitStack() as stack:
        urls = {"database_url": world.engine.url.render_as_string(hide_password=False), "broker_url": world.broker_url}
        life = Life(world.engine, seed=len(world.lineup.names), **urls)
        stack.callback(life.close)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        account_ids = {name: world.accounts[name].account_id for name in ACCOUNTS} | {"year": life.account_id}
        folder = Folder(world.folder.path)
        _make_endpoints(world, folder, account_ids)
        world.more_left = (copies := Copies(world, folder, _make_tokens(world, account_ids), life, pool)).left
        life.begin()
        yield copies


def _make_endpoints(world: World, folder: Folder, account_ids: Mapping[str, int]) -> None:
    wait_for(folder.port.exists, what="the receiver's port", seconds_max=START_SECONDS_MAX)
    secrets = {name: new_secret() for name in account_ids}
    folder.secrets.write_text(json.dumps(secrets))
    with world.engine.begin() as connection:
        for name, account_id in account_ids.items():
            create_endpoint(
                connection,
                account_id,
                url=f"http://127.0.0.1:{folder.port.read_text()}/{name}",
                types=TYPES,
                secret=secrets[name],
                secret_key=SECRET_KEY,
            )


def _make_tokens(world: World, account_ids: Mapping[str, int]) -> dict[str, str]:
    with world.engine.begin() as connection:
        return {
            name: create_token(connection, account_id=account_id, scopes=["read"], secret_key=SECRET_KEY)
            for name, account_id in account_ids.items()
        }


def faults_of(seed: int) -> list[Fault]:
    """Faults of a round: the receiver, the workers that send to it, and any two others, all kinds in turn."""
    receiver, senders = receiver_faults.KINDS, receiver_faults.OF_SENDERS
    place = 2 * seed
    return [
        receiver[seed % len(receiver)],
        FAULTS[place % len(FAULTS)],
        senders[seed % len(senders)],
        FAULTS[(place + 1) % len(FAULTS)],
    ]


def run(rounds: int, *, seed: int, load: Load = LOAD, lineup: Lineup = LINEUP) -> list[Report]:
    """Run rounds, each under the next seed, and print each.

    Raises:
        AssertionError: the copy is not what the API tells, or another promise was broken.
    """
    reports: list[Report] = []
    while len(reports) < rounds:
        with open_copies(lineup) as copies:
            for _ in range(min(ROUNDS_PER_WORLD, rounds - len(reports))):
                began_s = time.monotonic()
                report = copy_round(copies, seed + len(reports), load=load)
                reports.append(report)
                print(f"round {len(reports)}, {time.monotonic() - began_s:.1f} s, {report}", flush=True)
                assert not report.violations, (
                    f"repeat it: python -m tests.chaos --copies --rounds 1 --seed {report.seed}"
                )
    return reports


def copy_round(copies: Copies, seed: int, *, load: Load = LOAD, faults: Sequence[Fault] | None = None) -> Report:
    """One round, at whose end the copy must be right."""
    chosen = faults_of(seed) if faults is None else faults
    report = run_round(
        copies.world,
        seed,
        faults=[copies.begin_life, *chosen, copies.end_life],
        load=load,
        recovery_s_max=RECOVERY_SECONDS_MAX,
    )
    if report.recovered_s is not None:
        report.violations += copies.violations()
    report.counts += copies.counts()
    return report
