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


def test_quantities_are_no_money() -> None:
    """What may be used as a number of units is told as that; what is invoiced for it is money."""
    fields = """
access_type = { column = "Kind" }
access_amount = { column = "Amount", unit = "major" }
invoice_amount = { column = "Amount", unit = "major" }
"""
    table = table_of(fields, ["Kind", "Amount"])
    found = {each.field: told(each) for each in table.fields_of(["QUANTITY", "12"])}
    assert (found["access_amount"], found["invoice_amount"]) == ("12", "1200 = 12.00 USD")
    found = {each.field: told(each) for each in table.fields_of(["SPEND", "12"])}
    assert found["access_amount"] == found["invoice_amount"] == "1200 = 12.00 USD"


def test_keys_are_shown_with_the_suffix_that_ends_them() -> None:
    """As they will be sent; what cannot be read has none."""
    table = table_of('uniqueness_key = "sf-{ID}"\nidempotency_key = "ID"\nname = "ID"', ["ID"])
    shown = {each.field: each.after for each in table.fields_of(["7"], key_suffix="-r2")}
    assert [shown[name] for name in ("uniqueness_key", "idempotency_key", "name")] == ["sf-7-r2", "7-r2", "7"]
    refused = {each.field: each.after for each in table.fields_of([""], key_suffix="-r2")}
    assert refused["uniqueness_key"] == "refused: uniqueness_key is made of ID, which is empty"


def test_an_amount_of_very_many_digits_has_no_money() -> None:
    """It is refused as a row; what is shown of it is the number."""
    found = shown("Alder", "9" * 400, "EUR")
    assert found["access_amount"][1] == "9" * 400 + "00"
