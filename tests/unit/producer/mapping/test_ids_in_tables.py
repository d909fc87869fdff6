"""A table of the mapping may say an id where a name is ambiguous; a customer that is not known is told once."""

from tests.unit.producer.mapping.tables import body_of, problem_of, table_of
from trueup.producer.files.mapping.lookup import Found, Unfound, Wanted

ALDER, FIRST, SECOND = (f"c0000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
CONTRACT = "a0000000-0000-4000-8000-000000000001"
FIELDS = f"""
customer_id = {{ column = "Account", lookup = "customer", values = {{ "Summit (London)" = "{SECOND}" }} }}
invoice_contract_id = {{ column = "Contract", lookup = "contract" }}
"""
NAMED = Wanted("customer", "name", "Alder")
LOOKUPS = {
    NAMED: Found(ALDER, "Alder"),
    Wanted("customer", "name", "Summit"): Unfound((Found(FIRST, "Summit"), Found(SECOND, "Summit"))),
    Wanted("contract", "name", "C-1", NAMED): Found(CONTRACT, "C-1"),
    Wanted("contract", "name", "C-1", Wanted("customer", "id", SECOND)): Found(CONTRACT, "C-1"),
}


def test_an_id_in_a_table_is_taken_as_it_is() -> None:
    """It is not looked up as a name, and contracts are looked up among that customer's."""
    table = table_of(FIELDS, ["Account", "Contract"], lookups=LOOKUPS)
    cells = ["Summit (London)", "C-1"]
    assert list(table.wanted(cells)) == [Wanted("contract", "name", "C-1", Wanted("customer", "id", SECOND))]
    body = body_of(table, cells)
    assert (body["customer_id"], body["invoice_contract_id"]) == (SECOND, CONTRACT)


def test_an_id_in_a_cell_is_a_name_like_any_other() -> None:
    """Other systems' ids have the same form."""
    table = table_of(FIELDS, ["Account", "Contract"], lookups=LOOKUPS)
    assert problem_of(table, [FIRST, ""]) == f"lookup_not_found: Account: '{FIRST}' is the name of no customer"


def test_a_contract_is_not_told_of_where_its_customer_is_not_known() -> None:
    """One problem has one message."""
    table = table_of(FIELDS, ["Account", "Contract"], lookups=LOOKUPS)
    assert problem_of(table, ["Adler", "C-1"]) == "lookup_not_found: Account: 'Adler' is the name of no customer"
    assert problem_of(table, ["Summit", "C-1"]).startswith("lookup_ambiguous: Account: 'Summit' is the name of several")
    assert problem_of(table, ["Alder", "C-2"]).endswith("'C-2' is the name of no contract of the row's customer")
