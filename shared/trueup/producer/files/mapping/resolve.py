"""Resolving of look-ups: in bulk by the catalog, and once for a batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from trueup.domain.unit import Unit
from trueup.limits import LOOKUP_CANDIDATES_MAX, NAME_CHARS_MAX
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Found, Lookups, Unfound, Wanted
from trueup.producer.files.near import near
from trueup.store.catalog.named_records import (
    NamedKind,
    NamedRecord,
    contracts_of,
    records_named,
    some_names,
)
from trueup.store.catalog.units import units_of
from trueup.store.requests.batch_lookups import KeptLookup, keep_lookups, read_lookups

_NEAR_MAX = 10  # texts that are compared with names: each costs milliseconds

_ID, _OF_CUSTOMER = "id", "customer"


def lookups_of_batch(connection: Connection, account_id: int, batch_id: UUID, wanted: Collection[Wanted]) -> Lookups:
    """Look up what a batch's file asks for, and keep what is found; what was kept before stands.

    Args:
        connection: the transaction that keeps it.
        account_id: whose catalog and batch.
        batch_id: the batch.
        wanted: what its file asks for.
    """
    if not wanted:
        return {}
    by_digest = {_digest(each): each for each in wanted}
    kept = _kept(connection, account_id, batch_id, by_digest)
    resolved = resolve(connection, account_id, wanted, kept)
    found = [
        KeptLookup(digest, each.kind, each.text, record.id, record.name)
        for digest, each in by_digest.items()
        if each not in kept and isinstance(record := resolved[each], Found)
    ]
    if not found:
        return resolved
    keep_lookups(connection, account_id, batch_id, found)
    # What another run of this batch kept meanwhile stands, too.
    return resolve(connection, account_id, wanted, _kept(connection, account_id, batch_id, by_digest))


def _kept(connection: Connection, account_id: int, batch_id: UUID, by_digest: Mapping[bytes, Wanted]) -> Lookups:
    return {
        by_digest[each.digest]: Found(each.record_id, each.record_name)
        for each in read_lookups(connection, account_id, batch_id)
        if each.digest in by_digest
    }


def resolve(
    connection: Connection, account_id: int, wanted: Iterable[Wanted], known: Lookups = NOTHING_LOOKED_UP
) -> Lookups:
    """Look up in the catalog what is not known yet, by a few statements; returns all."""
    resolving = _Resolving(connection, account_id, known)
    groups: dict[tuple[str, str], set[Wanted]] = defaultdict(set)
    for each in wanted:
        for one in (each, each.customer):
            if one is None:
                continue
            if one.kind == "unit":  # also what is known: of what amounts count in it, nothing was kept
                groups["unit", one.by].add(one)
            elif one.by != _ID and one not in known:
                groups[one.kind, one.by].add(one)
    for (kind, by), group in sorted(groups.items(), key=lambda item: item[0][0] == "contract"):  # after customers
        if kind == "unit":
            resolving.units(group)
        elif kind == "contract":
            resolving.contracts(by, group)
        else:
            resolving.named("customer" if kind == "customer" else "product", by, group)
    return resolving.resolved


class _Resolving:
    """One resolving; `resolved` has what was known before, and what is found."""

    def __init__(self, connection: Connection, account_id: int, known: Lookups) -> None:
        self._connection, self._account_id = connection, account_id
        self.resolved: dict[Wanted, Found | Unfound] = dict(known)

    def named(self, kind: NamedKind, by: str, group: set[Wanted]) -> None:
        """Customers or products that are named in this way."""
        candidates: dict[str, list[Found]] = defaultdict(list)
        for record in records_named(self._connection, self._account_id, kind, by, _askable(group)):
            _add(candidates[record.text], record)
        unfound = [each for each in group if not candidates[each.text]]
        names = some_names(self._connection, self._account_id, kind) if unfound and by == "name" else []
        like = {each: near(each.text, names) for each in sorted(unfound)[:_NEAR_MAX]} if names else {}
        for each in group:
            self.resolved[each] = _one(candidates[each.text], like.get(each, ""))

    def contracts(self, by: str, group: set[Wanted]) -> None:
        """Contracts that are named in this way, each of its row's customer."""
        owners = {each: self._owner(each.customer) for each in group}
        asked = {(owner if by == _OF_CUSTOMER else each.text, owner) for each, owner in owners.items() if owner}
        candidates: dict[tuple[str | None, str | None], list[Found]] = defaultdict(list)
        if by == _OF_CUSTOMER:
            customers = [owner for owner in owners.values() if owner]
            records = contracts_of(self._connection, self._account_id, customers)
        else:
            texts = _askable(each for each, owner in owners.items() if owner)
            records = records_named(self._connection, self._account_id, "contract", by, texts)
        for record in records:
            if (record.text, record.customer_id) in asked:
                _add(candidates[record.text, record.customer_id], record)
        for each, owner in owners.items():
            self.resolved[each] = _one(candidates[owner if by == _OF_CUSTOMER else each.text, owner])

    def units(self, group: set[Wanted]) -> None:
        """Units by id, or by their currency or whole name; of what was known before, what amounts count in it."""
        units = units_of(self._connection, self._account_id)
        for each in group:
            text = each.text.lower() if each.by == _ID else each.text
            before = self.resolved.get(each)
            named = [
                Found(unit_id, unit.name, unit)
                for unit_id, unit in units.items()
                if (before.id == unit_id if isinstance(before, Found) else _names(unit_id, unit, each.by, text))
            ]
            like = near(text, sorted({unit.called for unit in units.values()})) if not named else ""
            self.resolved[each] = _one(named, like)

    def _owner(self, customer: Wanted | None) -> str | None:
        """The id of the customer whose contract is wanted; None where it is not known."""
        if customer is None:
            return None
        if customer.by == _ID:
            try:
                return str(UUID(customer.text))
            except ValueError:
                return None
        found = self.resolved[customer]
        return found.id if isinstance(found, Found) else None


def _askable(group: Iterable[Wanted]) -> set[str]:
    """The texts that a record can have."""
    return {each.text for each in group if len(each.text) <= NAME_CHARS_MAX and "\0" not in each.text}


def _names(unit_id: str, unit: Unit, by: str, text: str) -> bool:
    """Tell whether a text names a unit."""
    return text == unit_id or (by != _ID and text in (unit.name, unit.called))


def _add(candidates: list[Found], record: NamedRecord) -> None:
    if len(candidates) <= LOOKUP_CANDIDATES_MAX:
        candidates.append(Found(record.id, record.name))


def _one(candidates: list[Found], like: str = "") -> Found | Unfound:
    if len(candidates) == 1:
        return candidates[0]
    return Unfound(tuple(candidates[:LOOKUP_CANDIDATES_MAX]), like)


def _digest(wanted: Wanted) -> bytes:
    return sha256(msgspec.json.encode(wanted)).digest()
