"""Look-ups of mappings: names become ids by the catalog, once for a batch."""

import json
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.integration.intake import Intake
from trueup.domain.payable_rounding import USD_CENTS
from trueup.ids import new_id
from trueup.producer.files.mapping.lookup import Found, Unfound, Wanted
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.mapping.resolve import lookups_of_batch, resolve
from trueup.producer.files.opening.content import open_source
from trueup.producer.files.reading import Reading
from trueup.producer.files.row import Row
from trueup.producer.files.rows import rows, scan
from trueup.store.catalog.catalog import load_catalog
from trueup.wire.catalog import read_catalog

ALDER, BIRCH, TWIN, TWIN_TOO = (f"c0000000-0000-4000-8000-00000000000{n}" for n in range(1, 5))
OF_ALDER, OF_BIRCH, OF_BIRCH_TOO = (f"a0000000-0000-4000-8000-00000000000{n}" for n in range(1, 4))
PREPAID, EURO = "b0000000-0000-4000-8000-000000000001", "e0000000-0000-4000-8000-000000000001"
STARTS = {"starting_at": "2029-01-01T00:00:00Z"}
CATALOG = {
    "customers": [
        {"id": ALDER, "name": "Alder", "ingest_aliases": ["001A"], "custom_fields": {"crm": "A-1"}},
        {"id": BIRCH, "name": "Birch", "ingest_aliases": ["001B"]},
        {"id": TWIN, "name": "Twin"},
        {"id": TWIN_TOO, "name": "Twin"},
    ],
    "products": [{"id": PREPAID, "name": "Prepaid commitment", "type": "FIXED"}],
    "contracts": [
        {"id": OF_ALDER, "customer_id": ALDER, "name": "Master agreement", **STARTS},
        {"id": OF_BIRCH, "customer_id": BIRCH, "name": "Master agreement", **STARTS},
        {"id": OF_BIRCH_TOO, "customer_id": BIRCH, "name": "Addendum", **STARTS},
    ],
    "units": [{"id": EURO, "name": "EUR (cents)"}],
}
MAPPING = """
[fields]
uniqueness_key = "{Key}"
customer_id = { column = "Account", lookup = "customer", values = { "2nd" = "%s", "Alder Analytics Inc." = "Alder" } }
product_id = { value = "Prepaid commitment", lookup = "product" }
type = { value = "PREPAID" }
priority = 1
access_amount = { column = "Amount", unit = "major" }
access_starting_at = 2030-01-01
access_ending_before = 2031-01-01
invoice_amount = { column = "Amount", unit = "major" }
invoice_timestamp = 2030-01-01
invoice_contract_id = { column = "Contract", lookup = "contract" }
credit_type_id = { column = "Currency", lookup = "unit" }
applicable_product_ids = { column = "Products", lookup = "product" }
""".replace("%s", TWIN_TOO)
HEADER = "Key,Account,Amount,Contract,Currency,Products"


@pytest.fixture
def bare(database: Engine) -> Intake:
    """An account with this catalog."""
    found = Intake(database, account="bare", has_catalog=False)
    with database.begin() as connection:
        load_catalog(connection, found.account_id, read_catalog(json.dumps(CATALOG).encode()))
    return found


def looked_up(bare: Intake, *wanted: Wanted) -> list[Found | Unfound]:
    """What the catalog says of each."""
    with bare.engine.connect() as connection:
        found = resolve(connection, bare.account_id, wanted)
    return [found[each] for each in wanted]


def rename(bare: Intake, customer_id: str, name: str) -> None:
    """Calls a customer otherwise."""
    with bare.engine.begin() as connection:
        connection.execute(text("UPDATE customer SET name = :name WHERE id = :id"), {"name": name, "id": customer_id})


def read_rows(bare: Intake, path: Path, batch_id: UUID) -> list[Row]:
    """The rows of a file as a run of this batch sends them."""
    reading = Reading(mapping=parse_mapping(MAPPING.encode(), name="deals.toml"))
    with open_source(path, reading=reading) as source:
        scanned = scan(source)
        with bare.engine.begin() as connection:
            lookups = lookups_of_batch(connection, bare.account_id, batch_id, scanned.wanted)
        return list(rows(source, scanned=scanned, lookups=lookups))


def csv_file(folder: Path, *records: str) -> Path:
    """A table of these records."""
    path = folder / "deals.csv"
    path.write_text("\n".join([HEADER, *records]) + "\n")
    return path


def problems(found: Iterable[Row]) -> list[tuple[str, str] | None]:
    """What is wrong with each row."""
    return [row.form and (row.form.code, row.form.found) for row in found]


def test_each_way_finds_its_record(bare: Intake) -> None:
    """Names, aliases, ids of other systems, custom fields, currencies."""
    alder = Wanted("customer", "name", "Alder")
    found = looked_up(
        bare,
        alder,
        Wanted("customer", "external_id", "001B"),
        Wanted("customer", "custom_fields.crm", "A-1"),
        Wanted("product", "name", "Prepaid commitment"),
        Wanted("contract", "name", "Master agreement", alder),
        Wanted("contract", "name", "Master agreement", Wanted("customer", "id", BIRCH.upper())),
        Wanted("contract", "customer", "", alder),
        Wanted("unit", "name", "EUR"),
        Wanted("unit", "name", "USD (cents)"),
        Wanted("unit", "id", EURO.upper()),
    )
    assert [each.id if isinstance(each, Found) else each for each in found] == [
        ALDER, BIRCH, ALDER, PREPAID, OF_ALDER, OF_BIRCH, OF_ALDER, EURO, USD_CENTS, EURO,
    ]  # fmt: skip


def test_what_is_not_there_or_several(bare: Intake) -> None:
    """Names are exact; a contract is one of the row's customer; another account's records are none."""
    twin, nobody = Wanted("customer", "name", "Twin"), Wanted("customer", "name", "alder")
    found = looked_up(
        bare,
        twin,
        nobody,
        Wanted("customer", "name", "Al\0der"),
        Wanted("contract", "name", "Addendum", Wanted("customer", "name", "Alder")),
        Wanted("contract", "name", "Addendum", nobody),
        Wanted("contract", "customer", "", Wanted("customer", "name", "Birch")),
        Wanted("contract", "customer", "", Wanted("customer", "id", "no id")),
    )
    assert isinstance(found[0], Unfound)
    assert {each.id for each in found[0].candidates} == {TWIN, TWIN_TOO}
    assert found[1] == Unfound((), " (did you mean 'Alder'?)")
    assert found[3:5] == [Unfound(), Unfound()]
    assert isinstance(found[5], Unfound)
    assert {each.name for each in found[5].candidates} == {"Master agreement", "Addendum"}
    assert found[6] == Unfound()
    other = Intake(bare.engine, account="other", has_catalog=False)
    assert looked_up(other, Wanted("customer", "name", "Alder")) == [Unfound()]


def test_rows_with_names_become_requests_with_ids(bare: Intake, tmp_path: Path) -> None:
    """Amounts are moved by the unit of their own row; a row that cannot be looked up says so, and the others go on."""
    path = csv_file(
        tmp_path,
        "k1,Alder Analytics Inc.,1.50,Master agreement,EUR,Prepaid commitment; Prepaid commitment",
        "k2,Twin,1,,USD,",
        "k3,Aldr,1,Addendum,EUR,",
        "k4,Birch,2,Addendum,,",
    )
    found = read_rows(bare, path, new_id())
    body = json.loads(found[0].text)
    assert (body["customer_id"], body["product_id"], body["invoice_contract_id"]) == (ALDER, PREPAID, OF_ALDER)
    assert body["access_schedule"]["credit_type_id"] == body["invoice_schedule"]["credit_type_id"] == EURO
    assert body["invoice_schedule"]["schedule_items"][0]["amount"] == 150
    assert body["applicable_product_ids"] == [PREPAID, PREPAID]
    assert json.loads(found[3].text)["access_schedule"] == {
        "schedule_items": [
            {"amount": 200, "starting_at": "2030-01-01T00:00:00Z", "ending_before": "2031-01-01T00:00:00Z"}
        ]
    }
    told = problems(found)
    assert told[0] is told[3] is None
    assert told[1] is not None
    assert told[1][0] == "lookup_ambiguous"
    assert told[1][1].startswith("record 2 (line 3): Account: 'Twin' is the name of several customers: ")
    assert f"{TWIN} Twin" in told[1][1]
    assert told[2] == (
        "lookup_not_found",
        "record 3 (line 4): Account: 'Aldr' is the name of no customer (did you mean 'Alder'?)",
    )
    assert found[2].record == b"k3,Aldr,1,Addendum,EUR,"


def test_a_batch_that_is_resumed_is_sent_as_it_was_begun(bare: Intake, tmp_path: Path) -> None:
    """A customer that is called otherwise meanwhile stays the one that was meant; another batch asks anew."""
    path = csv_file(tmp_path, "k1,Alder,1,Master agreement,EUR,", "k2,Later,1,,,")
    batch_id = new_id()
    first = read_rows(bare, path, batch_id)
    rename(bare, ALDER, "Alder & Sons")
    rename(bare, BIRCH, "Alder")
    again, other = read_rows(bare, path, batch_id), read_rows(bare, path, new_id())
    assert [row.text for row in again] == [row.text for row in first]
    assert json.loads(other[0].text)["customer_id"] == BIRCH


def test_what_was_not_found_is_looked_up_again(bare: Intake, tmp_path: Path) -> None:
    """A customer that is added after a run is found by the next one."""
    path = csv_file(tmp_path, "k2,Later,1,,,")
    batch_id = new_id()
    assert [problem and problem[0] for problem in problems(read_rows(bare, path, batch_id))] == ["lookup_not_found"]
    rename(bare, TWIN, "Later")
    assert json.loads(read_rows(bare, path, batch_id)[0].text)["customer_id"] == TWIN


def test_two_runs_at_once_send_the_same(bare: Intake) -> None:
    """The first answer that is kept stands for both."""
    wanted, batch_id = [Wanted("customer", "name", "Alder")], new_id()
    with bare.engine.begin() as connection:
        lookups_of_batch(connection, bare.account_id, batch_id, wanted)
    rename(bare, ALDER, "Alder & Sons")
    with bare.engine.begin() as connection:
        assert lookups_of_batch(connection, bare.account_id, batch_id, wanted) == {wanted[0]: Found(ALDER, "Alder")}


def test_another_mapping_makes_another_batch(tmp_path: Path) -> None:
    """Comments and the order of keys do not; what is sent by default, and tables, do."""
    path = csv_file(tmp_path, "k1,Alder,1,,,")

    def digest(mapping: str) -> str:
        with open_source(path, reading=Reading(mapping=parse_mapping(mapping.encode(), name="m"))) as source:
            return scan(source).sha256_hex

    same = "# for Q4\n[fields]\n" + "\n".join(reversed(MAPPING.strip().splitlines()[1:]))
    assert digest(MAPPING) == digest(same)
    changed = [MAPPING.replace("priority = 1", "priority = 2"), MAPPING.replace('= "Alder" }', '= "Birch" }')]
    assert len({digest(each) for each in (MAPPING, *changed)}) == 3


def test_an_id_in_a_table_says_which_of_several(bare: Intake, tmp_path: Path) -> None:
    """It is not asked for, in a new batch and in one that is resumed."""
    path, batch_id = csv_file(tmp_path, "k1,2nd,1.50,,EUR,"), new_id()
    for _ in range(2):
        (row,) = read_rows(bare, path, batch_id)
        assert json.loads(row.text)["customer_id"] == TWIN_TOO
