"""What is kept for how long: the page that says so, and parked messages that are done."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from trueup.settings import Settings
from trueup.store.postgres.roles.grants import APP_CALLS
from trueup.store.tables import metadata
from trueup_worker.scheduling.tidy import parked_term_days, tidy

PAGE = Path(__file__).parents[2] / "deploy" / "guides" / "retention.md"
LINES = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE))


def test_every_table_has_its_line() -> None:
    """In the order of their names, and none that is not there."""
    assert list(LINES) == sorted(metadata.tables)


def test_what_the_owner_trims_has_a_term() -> None:
    """Nothing that a function of the owner removes is said to stay."""
    trimmed = {re.sub(r"trim_(\w+)\(.*", r"\1", each) for each in APP_CALLS}
    assert trimmed == {table for table in trimmed if "after" in LINES[table]}


def test_settings_that_are_named() -> None:
    """Each is one."""
    named = set(re.findall(r"TRUEUP_(\w+)", PAGE.read_text()))
    assert named
    assert {each.lower() for each in named} <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({}, 90),
        ({"parked_days": 7}, 32),
        ({"signature_age_days": 200}, 202),
        ({"require_signature": False}, None),
    ],
)
def test_for_how_long_a_message_that_is_done_is_kept(given: dict[str, int], days: int | None) -> None:
    """Longer than a message can come again; for ever where it can always."""
    settings = Settings.model_construct(
        **{"parked_days": 90, "signature_age_days": 30, "require_signature": True} | given
    )
    assert parked_term_days(settings) == days


def test_parked_messages_that_are_done(database: Engine) -> None:
    """What was sent again or discarded goes after its term; what is parked never does."""
    with database.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO parked (id, reason, detail, task, meta, requests, digest, attempts, state, resolved_at)
                SELECT gen_random_uuid(), 'transient', '', 'commits.create', '', '', decode(md5(state || days), 'hex'),
                       1, state, CASE WHEN state <> 'parked' THEN now() - make_interval(days => days) END
                  FROM unnest(ARRAY['parked', 'replayed', 'discarded']) AS state, unnest(ARRAY[80, 100]) AS days
            """)
        )
    tidy(database)
    left = "SELECT state, count(*) FROM parked GROUP BY state"
    with database.connect() as connection:
        assert dict(connection.execute(text(left)).all()) == {"parked": 2, "replayed": 2, "discarded": 2}
    tidy(database, parked_days=90)
    with database.connect() as connection:
        assert dict(connection.execute(text(left)).all()) == {"parked": 2, "replayed": 1, "discarded": 1}
        with pytest.raises(Exception, match="rows of parked stay for 2 days"):
            connection.execute(text("SELECT trim_parked(interval '1 day', 9)"))
