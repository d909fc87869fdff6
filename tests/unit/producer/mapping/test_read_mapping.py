"""What is wrong with a mapping's file, with the key and the cure."""

from pathlib import Path

import pytest

from tests.unit.producer.mapping.tables import mapping_text, table_of
from trueup.limits import MAPPING_BYTES_MAX, MAPPING_FIELDS_MAX
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.mapping.read import parse_mapping, read_mapping

NAMES = ["Opportunity ID", "Account", "Amount", "Close Date", "Amount"]


def refusal(text: str | bytes) -> str:
    """What is said of a file that is no mapping."""
    with pytest.raises(WrongMapping) as refused:
        parse_mapping(text if isinstance(text, bytes) else text.encode(), name="deals.toml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "deals.toml is no mapping:\n  fields: is needed"),
        ("[fields]\n", "fields: Dictionary should have at least 1 item"),
        ("[fields]\nname = Deal", "is no TOML: Invalid value (at line 2, column 8)"),
        ("[fields]\nAccount Name = 'a'", "Names with spaces or dots stand in quotes"),
        ("[fields]\nname = 'A'\nname = 'B'\n", "is no TOML: Cannot overwrite a value (at line 3"),
        ("[feilds]\nname = 'A'", "feilds: there is no such key: did you mean fields?"),
        ("[fields]\nname = { colum = 'A' }", "fields.name.colum: there is no such key: did you mean column?"),
        ("[fields]\nname = {}", "fields.name: needs one of column, template and value"),
        ("[fields]\nname = { column = 'A', value = 1 }", "fields.name: needs one of column, template and value, not"),
        ("[fields]\nname = { value = 1, default = 2 }", "fields.name: default goes with column"),
        (
            "[fields]\nname = { column = 'A', lookup = 'vendor' }",
            "fields.name.lookup: Input should be 'customer', 'pro",
        ),
        ("[fields]\nname = { column = 'A', by = 'name' }", "fields.name: by goes with lookup"),
        (
            "[fields]\nname = { column = 'A', lookup = 'product', by = 'sku' }",
            "fields.name: by = 'sku': a product is looked up by name, external_id or custom_fields.NAME",
        ),
        (
            "[fields]\nname = { column = 'A', lookup = 'contract', by = 'customer' }",
            'fields.name: by = "customer" takes the customer\'s only contract: leave column out',
        ),
        ("[fields]\nname = { column = 'A', table = 'x' }", "fields.name.table = 'x': there is no [tables.x]"),
        (
            "[fields]\nname = { column = 'A', values = { a = 'b' }, table = 'x' }\n[tables.x]\na = 'b'",
            "fields.name: has values and a table: keep one of them",
        ),
        ("[fields]\nname = { column = 'A', unit = 'dollars' }", "fields.name.unit: Input should be 'major' or 'minor'"),
        (
            "[numbers]\ndecimal = ','\nthousands = ','\n[fields]\nname = 'A'",
            "numbers: ',' cannot stand before the deci",
        ),
        (
            "[fields]\nname = { column = 'A', inclusive_end = 'yes' }",
            "fields.name.inclusive_end: Input should be a val",
        ),
        ("[fields]\nname = 'A'\n[[skip]]\ncolumn = 'B'", "skip.0: needs one of is, is_not, starts_with and empty"),
        ("[fields]\nname = 'A'\n[[skip]]\ncolumn = 'B'\nregex = '(a+)+$'", "skip.0.regex: there is no such key; there"),
        (b"[fields]\nname = '\xff'", "deals.toml is not UTF-8 (byte 17): save it as UTF-8"),
        ("a = " + "[" * 50_000, "deals.toml is no TOML"),
        (
            "[fields]\n" + "a" + ".a" * 100_000 + " = 1",
            "deals.toml is no mapping: it has a name with more than 16 dots",
        ),
        (
            "[fields]\n" + '"a"' + ' . "a"' * 10_000 + " = 1",
            "deals.toml is no mapping: it has a name with more than 16 dots",
        ),
        ("#" * (MAPPING_BYTES_MAX + 1), "deals.toml is larger than 1024 KiB"),
        (
            "[fields]\n" + "\n".join(f"custom_fields.f{n} = 'A'" for n in range(MAPPING_FIELDS_MAX + 1)),
            "fields: Dictionary should have at most 1000 items",
        ),
    ],
)
def test_every_mistake_names_its_key(text: str | bytes, expected: str) -> None:
    """Nothing is guessed, nothing takes long."""
    assert expected in refusal(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, '"a' * 300_000, "a" + " " * 1_000_000, "[fields]\na.b = " + "{" * 9_999]
)
def test_a_hostile_file_is_told_at_once(text: str) -> None:
    """No text within the limit keeps its reader busy."""
    assert "is no TOML" in refusal(text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(WrongMapping, match=r"no\.toml cannot be read: No such file or directory"):
        read_mapping(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            'name = "Acount"',
            "name: there is no column 'Acount' (did you mean 'Account'?); the file has 'Opportunity ID'",
        ),
        ('name = "{Opportunity}"', "name: there is no column 'Opportunity' (did you mean 'Opportunity ID'?)"),
        ('access_amount = "Amount"', "access_amount: the column 'Amount' stands 2 times in the header"),
        ('acces_amount = "Account"', "unknown fields: 'acces_amount' (did you mean 'access_amount'?)"),
        ('access_schedule.schedule_items.0.amount = "Account"', "fields that stand twice: access_amount"),
        ('name = "{Account"', "template '{Account': write columns as {Name}, and a brace that is meant twice"),
        ('name = "{}"', "template '{}': write columns as {Name}"),
        ('name = { template = "deal" }', "template 'deal' has no column: write a constant as { value = … }"),
        ('name = { column = "Account", format = "YYYY-MM-DD" }', "fields.name.format: name is no date"),
        ('name = { column = "Account", unit = "major" }', "fields.name.unit: name is no number"),
        ('priority = { column = "Account", unit = "major" }', "fields.priority.unit: priority is no amount of money"),
        (
            'priority = { column = "Account", lookup = "product" }',
            "fields.priority.lookup: priority is no id of a recor",
        ),
        (
            'access_starting_at = { column = "Close Date", format = "mm/dd/yyyy" }',
            "format 'mm/dd/yyyy' has 'dd': it is made of YYYY MM DD HH mm ss",
        ),
        ('access_starting_at = { column = "Close Date", format = "MM/YYYY" }', "format 'MM/YYYY' has no day: write it"),
        ('access_starting_at = { column = "Close Date", format = "%d.%m.%q" }', "format '%d.%m.%q' has '%q'"),
        ('access_starting_at = { column = "Close Date", format = "YYYY-MM-DD hh:mm" }', "hh goes with A (AM or PM)"),
        (
            'access_ending_before = { column = "Close Date", format = "YYYY-MM-DD HH:mm", inclusive_end = true }',
            "has times: inclusive_end goes with dates alone",
        ),
        (
            'access_starting_at = { column = "Close Date", timezone = "America/NewYork" }',
            "timezone 'America/NewYork' is no time zone (did you mean 'America/New_York'?)",
        ),
        ('access_starting_at = { column = "Close Date", timezone = "../../etc/passwd" }', "is no time zone"),
        (
            'uniqueness_key = "x-{Account}"\n[[skip]]\ncolumn = "Stage"\nempty = true',
            "skip 1: there is no column 'Stage'",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_its_table(field: str, expected: str) -> None:
    """The file's columns and the request's fields are what they are; near names are told."""
    with pytest.raises(WrongMapping) as refused:
        table_of(field, NAMES)
    assert expected in str(refused.value)


def test_all_that_does_not_fit_is_told_together() -> None:
    """One look at the file is enough."""
    with pytest.raises(WrongMapping) as refused:
        table_of('name = "A"\ndescription = "B"', NAMES)
    assert str(refused.value).count("there is no column") == 2


def test_missing_fields_are_told() -> None:
    """What every request has must be made of something; a credit needs no type."""
    mapping = parse_mapping(b'[fields]\nname = "Account"', name="deals.toml")
    from trueup.producer.files.mapping.mapped_table import MappedTable

    with pytest.raises(WrongMapping) as refused:
        MappedTable(mapping, NAMES, "credit")
    missing = str(refused.value)
    assert "missing fields: customer_id, priority, product_id, access_amount" in missing
    assert "type" not in missing


def test_names_with_dots_need_no_quotes() -> None:
    """TOML takes them apart, and they are put together again."""
    text = mapping_text('custom_fields.region = "Account"\nspecifiers.0.product_tags = ["gpu"]')
    mapping = parse_mapping(text.encode(), name="deals.toml")
    assert {"custom_fields.region", "specifiers.0.product_tags"} <= mapping.fields.keys()
