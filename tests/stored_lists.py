"""Lists with many rows stored: the rows, every list, and every set of filters that one can have."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import md5
from itertools import product
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import Connection, text

from trueup.store.accounts.audit import list_audit
from trueup.store.catalog.exact_matches import Kind, exact_matches
from trueup.store.catalog.search import FoundContract, FoundCustomer, FoundProduct, search_catalog
from trueup.store.commits.changes import lock_commit
from trueup.store.commits.details import show_commit
from trueup.store.commits.pages import Choice, list_commit_records
from trueup.store.commits.search import CommitChoice, FoundPlace, list_commits, search_commits
from trueup.store.invoices.explain import true_up_of
from trueup.store.invoices.listing import list_invoices
from trueup.store.requests.batch_results import batch_results, list_batches
from trueup.store.requests.parked_messages import list_parked
from trueup.store.requests.refused import Place, RefusedChoice, search_refused, search_refused_of_batch
from trueup_worker.reporting.request_history import request_history

PAGE_ROWS = 20
BIG = {
    "audit",
    "refused_body",
    "batch",
    "outcome",
    "commit",
    "invoice",
    "obligation",
    "segment",
    "ledger_entry",
    "parked",
}
REFUSED = UUID(md5(b"request 4711", usedforsecurity=False).hexdigest())
COMMIT = UUID(md5(b"commit 4711", usedforsecurity=False).hexdigest())
BATCH = UUID(md5(b"batch", usedforsecurity=False).hexdigest())
INVOICE = UUID(md5(f"invoice {COMMIT}".encode(), usedforsecurity=False).hexdigest())
DRAFT = UUID(md5(f"obligation {COMMIT}".encode(), usedforsecurity=False).hexdigest())
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
LARGE, SMALL = (UUID(f"c0000000-0000-4000-8000-{number:012}") for number in (0, 7))

# Half of the commits are of one customer; of the others each has a few. Ids lie in no order.
_ROWS = """
    INSERT INTO customer (account_id, id, name, custom_fields)
    SELECT :account_id, ('c0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Customer ' || n, '{}'
      FROM generate_series(0, 999) AS n;
    INSERT INTO commit (account_id, id, type, customer_id, product_id, priority, rate_type, access_type, access_unit_id,
                        uniqueness_key, name, fingerprint, fingerprint_version, created_at)
    SELECT :account_id, md5('commit ' || n)::uuid, 'PREPAID',
           ('c0000000-0000-4000-8000-' || lpad((CASE WHEN n % 2 = 0 THEN 0 ELSE n % 1000 END)::text, 12, '0'))::uuid,
           md5('product')::uuid, 100, 'LIST_RATE', 'SPEND', md5('unit')::uuid, 'order-' || n, 'Annual', '', 1, now()
      FROM generate_series(1, :commits) AS n;
    INSERT INTO segment (account_id, commit_id, position, id, amount, starting_at, ending_before)
    SELECT account_id, id, 0, md5('segment ' || id)::uuid, 100, '2026-01-01Z', '2027-01-01Z' FROM commit;
    INSERT INTO obligation (account_id, id, commit_id, position, kind, scheduled_at, due_at, unit_price, quantity,
                            amount, state)
    SELECT account_id, md5('obligation ' || id)::uuid, id, 0, 'SCHEDULED', due.at, due.at, 1, 1, 1,
           CASE WHEN uniqueness_key LIKE '%99' THEN 'held' ELSE 'pending' END
      FROM commit, LATERAL (SELECT timestamptz '2027-01-01Z' + interval '1 minute' * (hashtext(id::text) % 90000)) AS
           due (at);
    INSERT INTO ledger_entry (account_id, commit_id, segment_id, type, amount, effective_at)
    SELECT account_id, commit_id, id, 'PREPAID_COMMIT_SEGMENT_START', 100, '2026-01-01Z' FROM segment;
    INSERT INTO invoice (account_id, id, number, type, status, customer_id, contract_id, unit_id, commit_id, total,
                         issued_at, finalized_at)
    SELECT account_id, md5('invoice ' || id)::uuid, row_number() OVER (), 'SCHEDULED',
           CASE WHEN uniqueness_key LIKE '%98' THEN 'VOID' ELSE 'FINALIZED' END, customer_id, md5('contract')::uuid,
           md5('unit')::uuid, id, 1, '2026-01-01Z', '2026-01-01Z' FROM commit;
    INSERT INTO parked (account_id, id, reason, task, meta, requests, digest, state, parked_at)
    SELECT :account_id, md5('parked ' || n)::uuid, 'defect', 'task', '', '', decode(md5(n::text), 'hex'),
           CASE WHEN n % 100 = 0 THEN 'parked' ELSE 'replayed' END, timestamptz '2026-01-01Z' + interval '1 second' * n
      FROM generate_series(1, :others) AS n;
    INSERT INTO outcome (account_id, request_id, outcome, errors, batch_id, decided_at, customer, uniqueness_key)
    SELECT :account_id, md5('request ' || n)::uuid, CASE WHEN n % 1000 = 0 THEN 'not_found' ELSE 'invalid' END,
           CASE n WHEN 5 THEN '[{"code": "rare", "path": "", "message": ""}]'::jsonb
                ELSE '[{"code": "missing", "path": "", "message": ""}]' END, md5('batch')::uuid,
           timestamptz '2026-01-01Z' + interval '1 second' * n,
           CASE WHEN n % 2 = 0 THEN 'large' ELSE 'customer ' || n % 1000 END, 'order-' || n / 2
      FROM generate_series(1, :refused) AS n;
    INSERT INTO refused_body (account_id, request_id, body, kept_at)
    SELECT account_id, request_id, '{}', decided_at FROM outcome;
    INSERT INTO audit (account_id, actor, action, subject)
    SELECT :account_id, 'key', 'edit_commit', md5('commit ' || n)::uuid FROM generate_series(1, :others) AS n;
    INSERT INTO batch (account_id, id, source, content_sha256, kind, rows, created_at)
    SELECT :account_id, md5('batch ' || n)::uuid, 'file ' || n, '', 'commit', 1,
           timestamptz '2026-01-01Z' + interval '1 second' * n
      FROM generate_series(1, :others) AS n;
"""


def statements(account_id: int, *, commits: int, others: int, refused: int | None = None) -> list[str]:
    """Inserts of so many commits with all that belongs to them, of refused requests, and of batches and the like."""
    numbers = {
        ":account_id": account_id,
        ":commits": commits,
        ":others": others,
        ":refused": others if refused is None else refused,
    }
    told = _ROWS
    for name, number in numbers.items():
        told = told.replace(name, str(number))
    return [each for each in told.split(";") if each.strip()]


def insert_rows(
    connection: Connection, account_id: int, *, commits: int, others: int, refused: int | None = None
) -> None:
    """Store these rows, and let the planner know them."""
    for each in statements(account_id, commits=commits, others=others, refused=refused):
        connection.execute(text(each))
    connection.execute(text("ANALYZE"))


LISTS: dict[str, Callable[[Connection, int], object]] = {
    "commits": lambda on, account: list_commits(on, account, limit=PAGE_ROWS),
    "commits of a customer with many": lambda on, account: list_commits(
        on, account, limit=PAGE_ROWS, choice=CommitChoice(customer_id=LARGE)
    ),
    "commits of a customer with few": lambda on, account: list_commits(
        on, account, limit=PAGE_ROWS, choice=CommitChoice(customer_id=SMALL)
    ),
    "the commit of a key": lambda on, account: list_commits(on, account, limit=PAGE_ROWS, uniqueness_key="order-4711"),
    "a later page of commits": lambda on, account: list_commits(
        on, account, limit=PAGE_ROWS, choice=CommitChoice(customer_id=LARGE), after=UUID(int=1 << 127)
    ),
    "commits as the API tells them": lambda on, account: list_commit_records(
        on, account, Choice(customer_id=LARGE, types=["PREPAID"]), limit=PAGE_ROWS
    ),
    "commits of a beginning": lambda on, account: search_commits(on, account, "order-47", limit=PAGE_ROWS),
    "a later page of commits of a beginning": lambda on, account: search_commits(
        on, account, "order", limit=PAGE_ROWS, after=FoundPlace("key", COMMIT)
    ),
    "a later page of commits of the same name": lambda on, account: search_commits(
        on, account, "Annual", limit=PAGE_ROWS, after=FoundPlace("name", COMMIT)
    ),
    "a commit by its id": lambda on, account: show_commit(on, account, COMMIT),
    "the true-up of a commit": lambda on, account: true_up_of(on, account, COMMIT),
    "the obligations that a change of a commit locks": lambda on, account: lock_commit(on, account, COMMIT),
    "a record by what it is called": lambda on, account: exact_matches(on, account, get_args(Kind), "order-4711"),
    "customers": lambda on, account: search_catalog(on, account, FoundCustomer, limit=PAGE_ROWS),
    "customers of a name": lambda on, account: search_catalog(
        on, account, FoundCustomer, limit=PAGE_ROWS, piece="MER 77"
    ),
    "products of a name": lambda on, account: search_catalog(on, account, FoundProduct, limit=PAGE_ROWS, piece="x"),
    "the invoice of a number": lambda on, account: list_invoices(on, account, limit=PAGE_ROWS, search="4711"),
    "contracts of a name": lambda on, account: search_catalog(on, account, FoundContract, limit=PAGE_ROWS, piece="x"),
    "batches": lambda on, account: list_batches(on, account, limit=PAGE_ROWS),
    "rows of a batch with an outcome": lambda on, account: batch_results(
        on, account, BATCH, after_row=0, limit=PAGE_ROWS, outcome="not_found"
    ),
    "refused requests": lambda on, account: search_refused(on, account, RefusedChoice(), limit=PAGE_ROWS),
    "refused requests of a time": lambda on, account: search_refused(
        on, account, RefusedChoice(since=NEW_YEAR, until=NEW_YEAR + timedelta(hours=1)), limit=PAGE_ROWS
    ),
    "refused requests of a customer with many": lambda on, account: search_refused(
        on, account, RefusedChoice(customer="large", until=NEW_YEAR + timedelta(hours=2)), limit=PAGE_ROWS
    ),
    "refused requests of a customer with few": lambda on, account: search_refused(
        on, account, RefusedChoice(customer="customer 7", outcome="invalid"), limit=PAGE_ROWS
    ),
    "refused requests of a key": lambda on, account: search_refused(
        on, account, RefusedChoice(customer="large", uniqueness_key="order-4711"), limit=PAGE_ROWS
    ),
    "refused requests of a batch": lambda on, account: search_refused_of_batch(
        on, account, BATCH, RefusedChoice(outcome="not_found"), limit=PAGE_ROWS
    ),
    "why a request was refused, and what came of it": lambda on, account: request_history(on, account, REFUSED),
    "a batch by its name": lambda on, account: exact_matches(on, account, ["batch", "request"], "file 4711"),
    "acts on a commit": lambda on, account: list_audit(on, account, limit=PAGE_ROWS, subject=str(COMMIT)),
    "invoices": lambda on, account: list_invoices(on, account, limit=PAGE_ROWS),
    "void invoices": lambda on, account: list_invoices(on, account, limit=PAGE_ROWS, status="VOID"),
    "invoices of a customer with many": lambda on, account: list_invoices(
        on, account, limit=PAGE_ROWS, status="FINALIZED", customer_id=LARGE
    ),
    "invoices of a customer with few": lambda on, account: list_invoices(
        on, account, limit=PAGE_ROWS, status="FINALIZED", customer_id=SMALL
    ),
    "drafts": lambda on, account: list_invoices(on, account, limit=PAGE_ROWS, status="DRAFT"),
    "parked": lambda on, account: list_parked(on, account, limit=PAGE_ROWS),
}


def given_or_not(**choices: object) -> list[dict[str, object]]:
    """Every set of these, each given or left out; of a list, each of its values."""
    values = [[None, *each] if isinstance(each, list) else [None, each] for each in choices.values()]
    return [dict(zip(choices, each, strict=True)) for each in product(*values)]


def _commits(on: Connection, account: int, given: Mapping[str, Any]) -> object:
    choice = CommitChoice(customer_id=given["customer_id"], type=given["type"], is_archived=given["is_archived"])
    if given["prefix"] is None:
        chosen = {"uniqueness_key": given["uniqueness_key"], "after": given["after"]}
        return list_commits(on, account, limit=PAGE_ROWS, choice=choice, **chosen)
    after = None if given["after"] is None else FoundPlace("key", given["after"])
    return search_commits(on, account, given["prefix"], limit=PAGE_ROWS, choice=choice, after=after)


def _refused(on: Connection, account: int, given: Mapping[str, Any]) -> object:
    choice = RefusedChoice(**{name: each for name, each in given.items() if name not in ("after", "batch")})
    if given["batch"]:
        after = 0 if given["after"] is None else 7
        return search_refused_of_batch(on, account, given["batch"], choice, limit=PAGE_ROWS, after=after)
    return search_refused(on, account, choice, limit=PAGE_ROWS, after=given["after"])


COMBINED: dict[str, tuple[Callable[[Connection, int, Mapping[str, Any]], object], list[dict[str, object]]]] = {
    "commits": (
        _commits,
        given_or_not(
            customer_id=[LARGE, SMALL],
            type="CREDIT",
            is_archived=True,
            uniqueness_key="order-4711",
            prefix=["order-", "Annual"],
            after=COMMIT,
        ),
    ),
    "invoices": (
        lambda on, account, given: list_invoices(on, account, limit=PAGE_ROWS, **given),
        given_or_not(
            status=["DRAFT", "FINALIZED", "VOID"],
            customer_id=[LARGE, SMALL],
            commit_id=COMMIT,
            search=["nobody", "4711"],
            after=[INVOICE, DRAFT],
        ),
    ),
    "refused requests": (
        _refused,
        given_or_not(
            outcome="parked",
            code="rare",
            customer=["large", "customer 7"],
            uniqueness_key="order-4711",
            since=NEW_YEAR,
            until=NEW_YEAR + timedelta(hours=3),
            batch=BATCH,
            after=Place(NEW_YEAR + timedelta(hours=2), REFUSED),
        ),
    ),
    "batches": (
        lambda on, account, given: list_batches(on, account, limit=PAGE_ROWS, **given),
        given_or_not(after=UUID(md5(b"batch 4711", usedforsecurity=False).hexdigest())),
    ),
    "rows of a batch": (
        lambda on, account, given: batch_results(on, account, BATCH, limit=PAGE_ROWS, **given),
        [
            each | {"after_row": row}
            for each in given_or_not(outcome=["created", "invalid", "parked"])
            for row in (0, 9)
        ],
    ),
    "customers": (
        lambda on, account, given: search_catalog(on, account, FoundCustomer, limit=PAGE_ROWS, **given),
        given_or_not(piece="x", after=LARGE),
    ),
    "parked": (
        lambda on, account, given: list_parked(on, account, limit=PAGE_ROWS, **given),
        given_or_not(batch_id=BATCH, reason="suspect"),
    ),
    "audit": (
        lambda on, account, given: list_audit(on, account, limit=PAGE_ROWS, **given),
        given_or_not(subject=str(COMMIT)),
    ),
}
