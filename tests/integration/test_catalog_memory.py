"""What the catalog has is asked for once a minute; what it lacks is asked for every time."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from tests.conftest import DATA
from tests.integration.intake import Intake, entry, settings_of
from tests.integration.test_intake import prepaid
from trueup.store.catalog.catalog import load_catalog
from trueup.store.catalog.memory import CatalogMemory
from trueup.wire.catalog import read_catalog
from trueup.wire.request.references import Known

CATALOG = (DATA / "cases" / "catalog.json").read_bytes()
FOUND = Known({"customer"}, {"product": "FIXED"}, {"contract": "customer"}, {"unit"})


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives."""
    return Intake(database)


def nobody_reads_the_catalog(intake: Intake, act: Callable[[], object]) -> None:
    """Acts while whoever looks into the catalog would wait."""
    with intake.engine.begin() as other:
        other.execute(text("LOCK TABLE unit IN ACCESS EXCLUSIVE MODE"))
        act()


def test_what_was_found_is_not_asked_for_again(intake: Intake) -> None:
    """The second envelope with the same references reads no catalog."""
    intake.receive(entry(prepaid()))
    nobody_reads_the_catalog(intake, lambda: intake.receive(entry(prepaid())))
    assert intake.count("commit") == 2


def test_what_was_missing_may_exist_by_now(database: Engine) -> None:
    """A customer that was not found is, once it is loaded: by the next request, as a refusal stays."""
    bare = Intake(database, account="bare", has_catalog=False)
    assert [each.outcome for each in bare.receive(entry(prepaid()))] == ["not_found"]
    with database.begin() as connection:
        load_catalog(connection, bare.account_id, read_catalog(CATALOG))
    assert [each.outcome for each in bare.receive(entry(prepaid()))] == ["created"]


def test_another_account_knows_nothing_of_it(intake: Intake, database: Engine) -> None:
    """In one process, each account has its own memory."""
    intake.receive(entry(prepaid()))
    bare = Intake(database, account="bare", has_catalog=False)
    bare.services = intake.services
    assert [each.outcome for each in bare.receive(entry(prepaid()))] == ["not_found"]


def test_what_is_registered_on_the_way_is_not_remembered(database: Engine) -> None:
    """With open references: its transaction may be undone."""
    bare = Intake(database, account="bare", has_catalog=False, settings=settings_of(open_references=True))
    bare.receive(entry(prepaid()))
    assert not bare.services.catalog.of(bare.account_id).customers


def test_it_forgets_after_a_minute() -> None:
    """A database that was put back to an earlier state is noticed."""
    now_s = [0.0]
    memory = CatalogMemory(clock_s=lambda: now_s[0])
    memory.learn(1, FOUND)
    now_s[0] = 60.0
    assert memory.of(1) == FOUND
    now_s[0] = 60.1
    assert not memory.of(1).customers


def test_it_does_not_grow_without_end() -> None:
    """A million customers in a minute are too many to remember."""
    memory = CatalogMemory(clock_s=lambda: 0.0)
    for n in range(60):
        memory.learn(1, Known({f"{n} {each}" for each in range(1_000)}, {}, {}, set()))
        assert len(memory.of(1).customers) <= 51_000
