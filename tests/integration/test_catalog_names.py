"""Names of contracts and aliases of customers come with a catalog file, and records are found by them."""

import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, insert, update

from tests.bodies import prepaid
from tests.integration.intake import Intake, entry
from trueup.store.catalog.catalog import CatalogConflict, load_catalog
from trueup.store.catalog.exact_matches import Kind, exact_matches
from trueup.store.catalog.search import FoundContract, FoundProduct, search_catalog
from trueup.store.tables import contract, product
from trueup.wire.catalog import Catalog, read_catalog

ALDER, BIRCH = "c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"
CONTRACT = "a0000000-0000-4000-8000-000000000001"


@pytest.fixture
def bare(database: Engine) -> Intake:
    """An account without a catalog."""
    return Intake(database, account="bare", has_catalog=False)


def catalog(*, alder: list[str], birch: list[str], contract_name: str | None = None) -> Catalog:
    """Two customers with these aliases, and a contract of the first."""
    named = {} if contract_name is None else {"name": contract_name}
    return read_catalog(
        json.dumps(
            {
                "customers": [
                    {"id": ALDER, "name": "Alder", "ingest_aliases": alder},
                    {"id": BIRCH, "name": "Birch", "ingest_aliases": birch},
                ],
                "contracts": [{"id": CONTRACT, "customer_id": ALDER, "starting_at": "2030-01-01T00:00:00Z"} | named],
            }
        ).encode()
    )


def found(bare: Intake, kind: Kind, named: str) -> list[str]:
    """The ids of what is called so."""
    with bare.engine.connect() as connection:
        return [str(match.id) for match in exact_matches(connection, bare.account_id, [kind], named)]


def load(bare: Intake, entries: Catalog) -> None:
    """Loads it in a transaction of its own."""
    with bare.engine.begin() as connection:
        load_catalog(connection, bare.account_id, entries)


def test_a_contract_is_found_by_the_name_of_the_file(bare: Intake) -> None:
    """A file without the name leaves it as it is."""
    load(bare, catalog(alder=[], birch=[], contract_name="00001042"))
    load(bare, catalog(alder=[], birch=[]))
    assert found(bare, "contract", "00001042") == [CONTRACT]


def test_a_customer_is_found_by_an_alias_of_the_file(bare: Intake) -> None:
    """The same file again changes nothing, and an alias stays when a later file leaves it out."""
    load(bare, catalog(alder=["001A", "crm-1"], birch=["001B"]))
    load(bare, catalog(alder=["001A", "crm-1"], birch=[]))
    assert [found(bare, "customer", alias) for alias in ("001A", "crm-1", "001B")] == [[ALDER], [ALDER], [BIRCH]]


@pytest.mark.parametrize("alder", [["001B"], ["new", "001B"]])
def test_an_alias_belongs_to_one_customer(bare: Intake, alder: list[str]) -> None:
    """A file that gives it to another one is refused whole."""
    load(bare, catalog(alder=[], birch=["001B"]))
    for birch in ([], ["001B"]):
        with pytest.raises(CatalogConflict, match="other customers': 001B"):
            load(bare, catalog(alder=alder, birch=birch))
    assert found(bare, "customer", "new") == []


def test_a_commit_is_found_by_its_name(database: Engine) -> None:
    """Where one alone is called so; of several the command names all."""
    intake = Intake(database)
    one, *two = (entry(prepaid(name=name)) for name in ("Renewal 2030", "Ramp", "Ramp"))
    intake.receive(one, *two)
    with intake.engine.connect() as connection:
        for name, ids in (("Renewal 2030", [one]), ("Ramp", two), ("Renewal", [])):
            matches = exact_matches(connection, intake.account_id, ["commit"], name)
            assert {str(each.id) for each in matches} == {each["id"] for each in ids}
            assert {each.by for each in matches} <= {"name"}


def test_ids_of_other_systems_are_searched_in_the_catalog(bare: Intake) -> None:
    """Whole, as they stand in a CRM or an ERP."""
    load(bare, catalog(alder=[], birch=[]))
    with bare.engine.begin() as connection:
        values = {"account_id": bare.account_id, "id": uuid4(), "name": "Support", "type": "FIXED"}
        connection.execute(insert(product).values(**values, kept={"netsuite_internal_item_id": "NS-77"}))
        connection.execute(
            update(contract).values(kept={"salesforce_opportunity_id": "0065g", "netsuite_sales_order_id": "SO-1"})
        )
        searched: list[tuple[type[Any], str, str]] = [
            (FoundProduct, "NS-77", "NS-7"),
            (FoundContract, "0065g", "0065"),
            (FoundContract, "SO-1", "SO"),
        ]
        for kind, whole, part in searched:
            search = partial(search_catalog, connection, bare.account_id, kind, limit=9)
            assert (len(search(piece=whole).rows), len(search(piece=part).rows)) == (1, 0)
