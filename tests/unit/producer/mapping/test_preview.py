"""What a dry run shows of a record says what ids and minor units mean."""

from tests.unit.producer.mapping.tables import table_of
from trueup.domain.money_text import Money, money_text
from trueup.domain.unit import Unit
from trueup.producer.files.mapping.lookup import Found, Wanted
from trueup.producer.files.mapping.preview import MappedField

EURO, YEN, ALDER = (f"d0000000-0000-4000-8000-00000000000{number}" for number in range(1, 4))
LOOKUPS = {
    Wanted("unit", "name", "EUR"): Found(EURO, "EUR (cents)", Unit("EUR (cents)", "EUR", 2, "minor")),
    Wanted("unit", "name", "JPY"): Found(YEN, "Yen", Unit("Yen", "JPY", 0, "minor")),
    Wanted("customer", "name", "Alder"): Found(ALDER, "Alder"),
}
FIELDS = """
customer_id = { column = "Account", lookup = "customer" }
access_amount = { column = "Amount", unit = "major" }
credit_type_id = { column = "Currency", lookup = "unit" }
"""


def shown(*cells: str) -> dict[str, tuple[str, str]]:
    """Before and after with what it means, by field."""
    table = table_of(FIELDS, ["Account", "Amount", "Currency"], lookups=LOOKUPS)
    return {each.field: (each.before, told(each)) for each in table.fields_of(cells)}


def told(field: MappedField) -> str:
    """What it becomes, and what that means."""
    meaning = money_text(field.meaning) if isinstance(field.meaning, Money) else field.meaning
    return field.after if meaning is None else f"{field.after} = {meaning}"


def test_amounts_are_shown_with_their_money_and_ids_with_their_names() -> None:
    """Cents of a euro, whole yen, and dollars where nothing says what they are."""
    euro = shown("Alder", "1250.5", "EUR")
    assert euro["access_amount"] == ("Amount: '1250.5', Currency: 'EUR'", "125050 = 1,250.50 EUR")
    assert euro["customer_id"] == ("Account: 'Alder'", f"{ALDER} = Alder")
    assert shown("Alder", "1250", "JPY")["access_amount"][1] == "1250 = 1,250 JPY"
    assert shown("Alder", "1250", "")["access_amount"][1] == "125000 = 1,250.00 USD"


def test_what_cannot_be_read_says_why_and_means_nothing() -> None:
    """The other fields are shown."""
    found = shown("Adler", "much", "EUR")
    assert found["customer_id"][1] == "refused: Account: 'Adler' is the name of no customer"
    assert found["access_amount"][1].startswith("refused: Amount: 'much' is no number")
    assert found["credit_type_id"][1] == f"{EURO} = EUR (cents)"
