"""Units: which the account has, and how the catalog names their currencies, once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import USD_IN_CENTS, Unit
from trueup.store.catalog.conflict import CatalogConflict
from trueup.store.tables import unit
from trueup.wire.catalog import Unit as Entry

_UNITS = text("""
    SELECT CAST(id AS text), name, currency, exponent, amounts_in FROM unit WHERE account_id = :account_id
""")
_THESE = text("""
    SELECT id, name, currency, exponent, amounts_in FROM unit
     WHERE account_id = :account_id AND id = ANY(:ids) ORDER BY id FOR UPDATE
""")
_COUNTED_IN = text("""
    SELECT w.id FROM unnest(CAST(:ids AS uuid[])) AS w(id)
     WHERE EXISTS (SELECT FROM commit WHERE account_id = :account_id AND access_unit_id = w.id)
        OR EXISTS (SELECT FROM commit WHERE account_id = :account_id AND invoice_unit_id = w.id)
        OR EXISTS (SELECT FROM usage_line WHERE account_id = :account_id AND unit_id = w.id)
     ORDER BY w.id
""")


def units_of(connection: Connection, account_id: int) -> dict[str, Unit]:
    """All units of an account, by their ids."""
    found = {row[0]: Unit(*row[1:]) for row in connection.execute(_UNITS, {"account_id": account_id})}
    usd = found.get(USD_CENTS, USD_IN_CENTS)
    return found | {USD_CENTS: Unit(usd.name, *_money(USD_IN_CENTS))}


def load_units(connection: Connection, account_id: int, entries: Sequence[Entry]) -> None:
    """Insert or update units; of an id that comes twice the last counts.

    An entry that says nothing of a currency leaves what is stored; where nothing is, its name may say it.

    Raises:
        CatalogConflict: the currency of a unit would change, or what its amounts count, and there are amounts in it.
    """
    by_id = {entry.id: entry for entry in sorted(entries, key=lambda entry: entry.id)}
    if not by_id:
        return
    rows = connection.execute(_THESE, {"account_id": account_id, "ids": list(by_id)})
    stored = {row[0]: Unit(*row[1:]) for row in rows}
    wanted = {unit_id: _unit(entry, stored.get(unit_id)) for unit_id, entry in by_id.items()}
    _refuse_changes(connection, account_id, stored, wanted)
    statement = insert(unit)
    told = ("name", "currency", "exponent", "amounts_in")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[unit.c.account_id, unit.c.id],
            set_={name: statement.excluded[name] for name in told},
        ),
        [
            {"account_id": account_id, "id": unit_id} | {name: getattr(each, name) for name in told}
            for unit_id, each in wanted.items()
        ],
    )


def _unit(entry: Entry, stored: Unit | None) -> Unit:
    if entry.currency is not None:
        return Unit(entry.name, entry.currency, entry.exponent, entry.amounts_in)
    if str(entry.id) == USD_CENTS:
        return Unit(entry.name, *_money(USD_IN_CENTS))
    if stored is not None and stored.currency is not None:
        return Unit(entry.name, *_money(stored))
    return entry.as_named


def _refuse_changes(
    connection: Connection, account_id: int, stored: dict[UUID, Unit], wanted: dict[UUID, Unit]
) -> None:
    changed = [
        unit_id
        for unit_id, was in stored.items()
        if was.currency is not None and _money(was) != _money(wanted[unit_id])
    ]
    if not changed:
        return
    counted = connection.scalars(_COUNTED_IN, {"account_id": account_id, "ids": changed}).all()
    refused = sorted({*counted, *(each for each in changed if str(each) == USD_CENTS)})
    if refused:
        told = ", ".join(map(str, refused))
        raise CatalogConflict(f"the currency of a unit in which there are amounts never changes: {told}: make another")


def _money(of: Unit) -> tuple[Any, Any, Any]:
    return of.currency, of.exponent, of.amounts_in
