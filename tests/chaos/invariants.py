"""What must hold once everything was worked off; each function yields the violations of one promise, in words."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from tests.chaos.load import Account, Book, Planned
from trueup_worker.reporting.reconcile import reconcile

EXAMPLES_MAX = 5

# Whatever a second delivery may not change; an outcome is judged again, and says when; an event gets its place later.
_SNAPSHOTS = {
    "outcome": "ROW(o.request_id, o.outcome, o.errors, o.more, o.existing, o.reason, o.batch_id)",
    "outbox": "ROW(o.seq, o.event, o.subject_ids, o.detail, o.created_at)",
    **dict.fromkeys(
        (
            "account",
            "commit",
            "segment",
            "ledger_entry",
            "obligation",
            "invoice",
            "invoice_line",
            "idempotency",
        ),
        "o",
    ),
}

Snapshot = dict[str, tuple[int, Decimal]]


@dataclass(frozen=True, slots=True)
class Found:
    """What the database holds of one account."""

    commits: dict[UUID, Any]
    outcomes: dict[UUID, Any]
    invoices: dict[UUID, list[Decimal]]


_COMMITS = """
    SELECT c.id, c.type, c.uniqueness_key AS key, array_agg(s.amount) AS amounts
      FROM commit AS c LEFT JOIN segment AS s ON s.account_id = c.account_id AND s.commit_id = c.id
     WHERE c.account_id = :a GROUP BY c.account_id, c.id
"""
# That something was parked once stays noted beside the commit that its replay made.
_OUTCOMES = """
    SELECT request_id, outcome, existing, reason FROM outcome
     WHERE account_id = :a AND reason IS DISTINCT FROM 'replayed'
"""
_INVOICES = "SELECT commit_id, array_agg(total ORDER BY total) AS totals FROM invoice WHERE account_id = :a GROUP BY 1"


def find(connection: Connection, account_id: int) -> Found:
    """Reads it."""

    def by_id(query: str) -> dict[UUID, Any]:
        return {row[0]: row for row in connection.execute(text(query), {"a": account_id})}

    invoices = by_id(_INVOICES)
    return Found(by_id(_COMMITS), by_id(_OUTCOMES), {commit_id: row.totals for commit_id, row in invoices.items()})


def one_outcome_each(account: Account, found: Found) -> Iterator[str]:
    """Every accepted request has exactly one outcome, and nothing has one that nobody asked for."""
    decided = found.commits.keys() | found.outcomes.keys()
    yield from _each("has no outcome", account.planned.keys() - decided)
    yield from _each("has an outcome, and nobody sent it", decided - account.planned.keys())
    yield from _each("has a commit and an outcome", found.commits.keys() & found.outcomes.keys())


def the_right_outcome(account: Account, found: Found) -> Iterator[str]:
    """What became of a request is what its content asks for."""
    for planned in account.planned.values():
        verdict = _verdict(planned.id, found)
        if verdict is not None and verdict not in _allowed(planned):
            yield f"{planned.id} is {verdict} instead of {' or '.join(sorted(_allowed(planned)))}"


def one_commit_per_key(account: Account, found: Found) -> Iterator[str]:
    """Of those that share a uniqueness key or an idempotency key one makes a commit, and the others name it."""
    decided = found.commits.keys() | found.outcomes.keys()
    for kind, groups in (
        ("uniqueness", _groups(account, lambda planned: planned.key)),
        ("idempotency", _groups(account, lambda planned: planned.idempotency_key)),
    ):
        for key, ids in groups.items():
            holders = [each for each in ids if each in found.commits]
            if not holders and not decided.issuperset(ids):
                continue
            if len(holders) != 1:
                yield f"{kind} key {key!r} of {len(ids)} requests has {len(holders)} commits"
                continue
            others = (found.outcomes[each] for each in ids if each in found.outcomes)
            wrong = [each.request_id for each in others if (each.existing or {}).get("id") != str(holders[0])]
            yield from _each(f"does not name {holders[0]}, which holds its {kind} key", wrong)


def its_own_content(account: Account, found: Found) -> Iterator[str]:
    """A commit has the content of its own request: of this account, and of this id."""
    for commit in found.commits.values():
        planned = account.planned.get(commit.id)
        if planned and (commit.amounts, commit.key) != ([planned.amount], planned.key):
            asked = f"{planned.amount} under {planned.key}"
            yield f"commit {commit.id} has {commit.amounts} under {commit.key} instead of {asked}"


def one_invoice_per_due_item(account: Account, found: Found) -> Iterator[str]:
    """What is due was invoiced once, at its amount, and nothing else was."""
    for commit_id in found.commits.keys() & account.planned.keys():
        expected, totals = list(account.planned[commit_id].invoices), found.invoices.get(commit_id, [])
        if sorted(expected) != totals:
            yield f"commit {commit_id} has the invoices {totals} instead of {expected}"
    yield from _each("has invoices and does not exist", found.invoices.keys() - found.commits.keys())


PER_ACCOUNT: tuple[Callable[[Account, Found], Iterator[str]], ...] = (
    one_outcome_each,
    the_right_outcome,
    one_commit_per_key,
    its_own_content,
    one_invoice_per_due_item,
)


def announced_once(connection: Connection) -> Iterator[str]:
    """Every commit and every invoice has exactly one event."""
    query = """
        WITH told AS (
            SELECT account_id, id, count(*) AS times FROM outbox CROSS JOIN unnest(subject_ids) AS id
             WHERE event IN ('commit.created', 'credit.created', 'invoice.finalized') GROUP BY 1, 2
        ), made AS (SELECT account_id, id FROM commit UNION ALL SELECT account_id, id FROM invoice)
        SELECT id, coalesce(times, 0) FROM made FULL JOIN told USING (account_id, id)
         WHERE times IS DISTINCT FROM 1 OR made.id IS NULL
    """
    for subject, times in connection.execute(text(query)):
        yield f"{subject} was announced {times} times"


def numbers_without_a_gap(connection: Connection) -> Iterator[str]:
    """The invoices of an account are numbered 1, 2, 3 and so on."""
    query = "SELECT account_id, count(*), count(DISTINCT number), min(number), max(number) FROM invoice GROUP BY 1"
    for account_id, count, distinct, first, last in connection.execute(text(query)):
        if (distinct, first, last) != (count, 1, count):
            yield f"account {account_id} has {count} invoices, {distinct} numbers, {first} to {last}"


def nothing_left(connection: Connection) -> Iterator[str]:
    """Nothing is kept or parked any more, but what belongs to nobody."""
    return _left_in(connection, "intake", "parked WHERE state = 'parked' AND account_id IS NOT NULL")


def no_delivery_counted(connection: Connection) -> Iterator[str]:
    """Every message that came was decided or given back; but what the broker forgets in between never comes again."""
    return _left_in(connection, "delivery")


def _left_in(connection: Connection, *tables: str) -> Iterator[str]:
    for table in tables:
        if rows := connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one():
            yield f"{rows} rows are left in {table}"


def reconciled(connection: Connection) -> Iterator[str]:
    """`trueup reconcile` finds nothing."""
    for difference in reconcile(connection):
        yield f"reconcile: {difference.check} of {difference.subject}: {difference.expected} / {difference.found}"


OF_ALL: tuple[Callable[[Connection], Iterator[str]], ...] = (
    announced_once,
    numbers_without_a_gap,
    nothing_left,
    reconciled,
)


def look(
    connection: Connection, book: Book, account_ids: dict[str, int], *, broker_forgot: bool
) -> tuple[list[str], Counter[str]]:
    """Everything that does not hold, of each promise a few examples; and how many requests have which outcome."""
    violations: list[str] = []
    counts: Counter[str] = Counter()
    for name, account in book.accounts.items():
        found = find(connection, account_ids[name])
        for promise in PER_ACCOUNT:
            violations += few(f"{name}: {promise.__name__}", promise(account, found))
        counts.update(_verdict(each, found) or "undecided" for each in account.planned)
        counts["invoices"] += sum(map(len, found.invoices.values()))
    for general in OF_ALL if broker_forgot else (*OF_ALL, no_delivery_counted):
        violations += few(general.__name__, general(connection))
    return violations, counts


def snapshot(connection: Connection, account_id: int | None = None) -> Snapshot:
    """A fingerprint of every row, of one account or of all."""
    taken: Snapshot = {}
    for table, row in _SNAPSHOTS.items():
        owner = "id" if table == "account" else "account_id"
        query = f"""
            SELECT count(*), coalesce(sum(hashtextextended(CAST({row} AS text), 0)), 0) FROM {table} AS o
             WHERE CAST(:a AS integer) IS NULL OR o.{owner} = :a
        """
        taken[table] = tuple(connection.execute(text(query), {"a": account_id}).one())
    return taken


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """The tables that differ."""
    return [
        f"{table}: {before[table][0]} rows, then {after[table][0]}" for table in before if before[table] != after[table]
    ]


def few(promise: str, told: Iterator[str]) -> list[str]:
    """A few examples of what breaks a promise, and how many more there are."""
    all_of_it = list(told)
    more = [f"{promise}: and {len(all_of_it) - EXAMPLES_MAX} more"] if len(all_of_it) > EXAMPLES_MAX else []
    return [f"{promise}: {each}" for each in all_of_it[:EXAMPLES_MAX]] + more


def _verdict(request_id: UUID, found: Found) -> str | None:
    if request_id in found.commits:
        return "created"
    outcome = found.outcomes.get(request_id)
    return outcome.outcome if outcome else None


def _allowed(planned: Planned) -> set[str]:
    return {planned.verdict, "duplicate"} if planned.key is not None else {planned.verdict}


def _groups(account: Account, key_of: Callable[[Planned], str | None]) -> dict[str, list[UUID]]:
    groups: dict[str, list[UUID]] = defaultdict(list)
    for planned in account.planned.values():
        key = key_of(planned)
        if key is not None and planned.verdict == "created":
            groups[key].append(planned.id)
    return groups


def _each(what: str, ids: Any) -> Iterator[str]:
    return (f"{each} {what}" for each in ids)
