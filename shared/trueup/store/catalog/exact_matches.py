"""Records that a text names exactly: by id, by number, by name, by a key or by an id of another system."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from trueup.store.postgres.rows import fetch_all

Kind = Literal["customer", "contract", "product", "commit", "invoice", "batch", "request", "draft", "parked", "webhook"]

MATCHES_MAX = 10  # of each way: more than one is refused already

_CONTRACT = "contract WHERE account_id = :account_id AND"
_COMMIT = "commit WHERE account_id = :account_id AND"
# Where most are called the same, only its order makes the planner use the index of names.
_COMMIT_OF_NAME = f"{_COMMIT} name >= :named AND name <= :named ORDER BY name, id"
_WAITING = "obligation WHERE account_id = :account_id AND state IN ('held', 'parked') AND"
_BATCH = "batch WHERE account_id = :account_id AND"
_BATCH_NAME = "coalesce(name, source) || ' of ' || to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
_REFUSED = "(SELECT request_id AS id, outcome, uniqueness_key, account_id FROM outcome) AS refused"
_CONTRACT_NAME, _COMMIT_NAME = "coalesce(kept ->> 'name', '')", "coalesce(name, type)"

# By what; what is shown; where it is found.
_WAYS: dict[Kind, tuple[tuple[str, str, str], ...]] = {
    "customer": (
        ("id", "name", "customer WHERE account_id = :account_id AND id = :id"),
        ("name", "name", "customer WHERE account_id = :account_id AND name = :named"),
        (
            "alias",
            "name",
            """customer WHERE account_id = :account_id
                AND id = (SELECT customer_id FROM ingest_alias WHERE account_id = :account_id AND alias = :named)""",
        ),
    ),
    "contract": (
        ("id", _CONTRACT_NAME, f"{_CONTRACT} id = :id"),
        ("uniqueness key", _CONTRACT_NAME, f"{_CONTRACT} uniqueness_key = :named"),
        ("name", _CONTRACT_NAME, f"{_CONTRACT} kept ->> 'name' = :named"),
    ),
    "product": (
        ("id", "name", "product WHERE account_id = :account_id AND id = :id"),
        ("name", "name", "product WHERE account_id = :account_id AND name = :named"),
    ),
    "commit": (
        ("id", _COMMIT_NAME, f"{_COMMIT} id = :id"),
        ("uniqueness key", _COMMIT_NAME, f"{_COMMIT} uniqueness_key = :named"),
        ("Salesforce opportunity", _COMMIT_NAME, f"{_COMMIT} salesforce_opportunity_id = :named"),
        ("NetSuite sales order", _COMMIT_NAME, f"{_COMMIT} netsuite_sales_order_id = :named"),
        ("name", _COMMIT_NAME, _COMMIT_OF_NAME),
    ),
    "invoice": (
        ("id", "'number ' || number", "invoice WHERE account_id = :account_id AND id = :id"),
        ("number", "'number ' || number", "invoice WHERE account_id = :account_id AND number = :number"),
    ),
    "batch": (
        ("id", _BATCH_NAME, f"{_BATCH} id = :id"),
        ("name", _BATCH_NAME, f"{_BATCH} name = :named"),
        ("file", _BATCH_NAME, f"{_BATCH} source = :named"),
    ),
    "request": (
        ("uniqueness key", _COMMIT_NAME, f"{_COMMIT} uniqueness_key = :named"),
        ("uniqueness key", "outcome", f"{_REFUSED} WHERE account_id = :account_id AND uniqueness_key = :named"),
    ),
    "draft": (
        ("id", "state", f"{_WAITING} id = :id"),
        ("commit's key", "state", f"{_WAITING} commit_id = (SELECT id FROM {_COMMIT} uniqueness_key = :named)"),
    ),
    "parked": (
        ("id", "reason", "parked WHERE account_id = :account_id AND id = :id"),
        ("request's id", "reason", "parked WHERE account_id = :account_id AND request_id = :id"),
    ),
    "webhook": (
        ("id", "url", "webhook_endpoint WHERE account_id = :account_id AND id = :id"),
        ("URL", "url", "webhook_endpoint WHERE account_id = :account_id AND url = :named"),
    ),
}


@dataclass(frozen=True, slots=True)
class Match:
    """A record that is named; `by` says how, `label` is what people call it."""

    id: UUID
    kind: Kind
    by: str
    label: str


def ways_of(kind: Kind) -> list[str]:
    """Names of the ways in which a record of this kind can be named."""
    return list(dict.fromkeys(by for by, _, _ in _WAYS[kind]))


def exact_matches(connection: Connection, account_id: int, kinds: Collection[Kind], named: str) -> list[Match]:
    """Record of these kinds that a text names, each once; of each way ten at most."""
    which = {"account_id": account_id, "named": named, "id": _uuid(named), "number": _number(named)}
    found = (each for kind in kinds for each in fetch_all(connection, Match, _STATEMENTS[kind], which))
    return list({each.id: each for each in found}.values())


def _literal(told: str) -> str:
    return "'" + told.replace("'", "''") + "'"


def _statement(kind: Kind) -> TextClause:
    ways = (
        f"(SELECT id, '{kind}' AS kind, {_literal(by)} AS by, {label} AS label FROM {where} LIMIT {MATCHES_MAX})"
        for by, label, where in _WAYS[kind]
    )
    return text(" UNION ALL ".join(ways))


_STATEMENTS = {kind: _statement(kind) for kind in _WAYS}


def _uuid(named: str) -> UUID | None:
    try:
        return UUID(named)
    except ValueError:
        return None


def _number(named: str) -> int | None:
    return int(named) if named.isascii() and named.isdigit() and len(named) < 19 else None
