"""Units come with a catalog file: which currency they are is said once."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.bodies import changed, prepaid
from tests.integration.intake import Intake, entry
from trueup.domain.payable_rounding import USD_CENTS
from trueup.domain.unit import Unit
from trueup.store.catalog.catalog import load_catalog
from trueup.store.catalog.conflict import CatalogConflict
from trueup.store.catalog.units import units_of
from trueup.wire.catalog import InvalidCatalog, read_catalog

EURO = "d0000000-0000-4000-8000-000000000001"
IN_CENTS, IN_EUROS = {"currency": "EUR", "amounts_in": "minor"}, {"currency": "EUR", "amounts_in": "major"}


@pytest.fixture
def bare(database: Engine) -> Intake:
    """An account without a catalog."""
    return Intake(database, account="bare", has_catalog=False)


def load(bare: Intake, *, name: str = "Euro", unit_id: str = EURO, **said: Any) -> Unit:
    """Loads a file with one unit; what is stored of it then."""
    entries = read_catalog(json.dumps({"units": [{"id": unit_id, "name": name, **said}]}).encode())
    with bare.engine.begin() as connection:
        load_catalog(connection, bare.account_id, entries)
        return units_of(connection, bare.account_id)[unit_id]


@pytest.mark.parametrize(
    ("name", "said", "stored"),
    [
        ("Euro", IN_CENTS, ("EUR", 2, "minor")),
        ("Euro", IN_EUROS, ("EUR", 2, "major")),
        ("Yen", {"currency": "JPY", "amounts_in": "minor"}, ("JPY", 0, "minor")),
        ("Dinar", {"currency": "IQD", "amounts_in": "minor"}, ("IQD", 3, "minor")),
        ("EUR", {}, ("EUR", 2, "major")),
        ("EUR (cents)", {}, ("EUR", 2, "minor")),
        ("JPY (minor units)", {}, ("JPY", 0, "minor")),
        ("JPY (cents)", {}, (None, None, None)),
        ("GPU", {}, (None, None, None)),
        ("credits", {}, (None, None, None)),
    ],
)
def test_what_a_unit_is(bare: Intake, name: str, said: dict[str, str], stored: tuple[Any, ...]) -> None:
    """Its entry says it, or else a name that can mean one thing only."""
    assert load(bare, name=name, **said) == Unit(name, *stored)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"currency": "EUR"}, "go together"),
        ({"amounts_in": "minor"}, "go together"),
        ({"currency": "eur", "amounts_in": "minor"}, "no currency of ISO 4217"),
        ({"currency": "XAU", "amounts_in": "minor"}, "no currency of ISO 4217 with a minor unit"),
        ({"currency": "EUR", "amounts_in": "cents"}, "'major' or 'minor'"),
    ],
)
def test_what_is_no_currency_is_refused(bare: Intake, said: dict[str, str], told: str) -> None:
    """Before anything is loaded."""
    with pytest.raises(InvalidCatalog, match=told):
        load(bare, **said)


def test_a_later_file_that_says_nothing_leaves_what_was_said(bare: Intake) -> None:
    """But for the name."""
    load(bare, **IN_CENTS)
    assert load(bare, name="EUR") == Unit("EUR", "EUR", 2, "minor")


def test_a_unit_without_amounts_may_become_another(bare: Intake) -> None:
    """A mistake is found before it counts."""
    load(bare, **IN_EUROS)
    assert load(bare, **IN_CENTS).amounts_in == "minor"


def test_a_unit_with_amounts_stays_what_it_is(database: Engine) -> None:
    """Whatever the file says; the same once more is no change."""
    busy = Intake(database)
    load(busy, **IN_EUROS)
    [made] = busy.receive(entry(changed(prepaid(), ("access_schedule", "credit_type_id"), EURO)))
    assert made.outcome == "created", made
    load(busy, **IN_EUROS)
    with pytest.raises(CatalogConflict, match=EURO):
        load(busy, **IN_CENTS)
    with busy.engine.connect() as connection:
        assert units_of(connection, busy.account_id)[EURO].amounts_in == "major"


def test_a_unit_with_amounts_that_nobody_called_money_may_be_said_to_be_some(database: Engine) -> None:
    """What was registered by a request's mention has no name, and no currency yet."""
    busy = Intake(database)
    load(busy, name="credits")
    [made] = busy.receive(entry(changed(prepaid(), ("access_schedule", "credit_type_id"), EURO)))
    assert made.outcome == "created", made
    assert load(busy, **IN_CENTS) == Unit("Euro", "EUR", 2, "minor")


def test_the_unit_of_every_account_counts_cents(bare: Intake) -> None:
    """Also where nothing is counted in it yet."""
    with pytest.raises(CatalogConflict, match=USD_CENTS):
        load(bare, unit_id=USD_CENTS, name="USD", currency="USD", amounts_in="major")
    assert load(bare, unit_id=USD_CENTS, name="Dollars").amounts_in == "minor"
    with bare.engine.begin() as connection:
        connection.execute(text("UPDATE unit SET currency = NULL, exponent = NULL, amounts_in = NULL"))
        assert units_of(connection, bare.account_id)[USD_CENTS] == Unit("Dollars", "USD", 2, "minor")
