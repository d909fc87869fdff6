"""Refused requests are found weeks later, with what they said, and with what was done about them."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from tests.bodies import prepaid
from tests.conftest import by_hand
from tests.integration.intake import Intake, entry, settings_of
from trueup.ids import row_id
from trueup.limits import BODY_BYTES_MAX
from trueup.store.accounts.audit import note
from trueup.store.catalog.catalog import load_catalog
from trueup.store.requests.batches import Batch, open_batch
from trueup.store.requests.refused import RefusedChoice, search_refused, search_refused_of_batch
from trueup.wire.catalog import read_catalog
from trueup_worker.reporting.request_history import RequestHistory, request_history
from trueup_worker.scheduling.tidy import tidy

BATCH, LATER_BATCH = uuid4(), uuid4()
ROW = 213


@pytest.fixture
def intake(database: Engine) -> Intake:
    """An account that receives envelopes."""
    return Intake(database)


def pass_days(intake: Intake, days: int) -> None:
    """Lets what is there become so much older."""
    with by_hand(intake.engine) as connection:
        for column in ("outcome.decided_at", "outcome.first_decided_at", "refused_body.kept_at", "batch.created_at",
                       "audit.at", "commit.booked_at"):  # fmt: skip
            table, name = column.split(".")
            if table == "audit":
                connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
            connection.execute(text(f"UPDATE {table} SET {name} = {name} - make_interval(days => {days})"))
    tidy(intake.engine)


def history(intake: Intake, request_id: UUID | str) -> RequestHistory:
    """History of a request that has one."""
    with intake.engine.connect() as connection:
        found = request_history(connection, intake.account_id, UUID(str(request_id)))
    assert found is not None
    return found


def opened(intake: Intake, batch_id: UUID, source: str) -> None:
    """Counts a batch in."""
    with intake.engine.begin() as connection:
        open_batch(connection, intake.account_id, Batch(batch_id, None, source, batch_id.bytes, "commit", 300))


def test_why_a_row_was_refused_and_what_was_done_about_it(intake: Intake) -> None:
    """Three weeks later the row's body, errors and their values are there, and the commit of the corrected file."""
    opened(intake, BATCH, "renewals.csv")
    wrong = entry(prepaid(priority="high", uniqueness_key="deal-213"), request_id=row_id(BATCH, ROW))
    [refused] = intake.receive(wrong, batch_id=str(BATCH))
    assert refused.outcome == "invalid"
    pass_days(intake, 2)
    opened(intake, LATER_BATCH, f".trueup/batches/{BATCH}.failed.csv")
    corrected = entry(prepaid(priority=7, uniqueness_key="deal-213"), request_id=row_id(LATER_BATCH, 1))
    assert intake.receive(corrected, batch_id=str(LATER_BATCH))[0].outcome == "created"
    with intake.engine.begin() as connection:
        note(connection, intake.account_id, actor="key", action="edit_commit", subject=corrected["id"])
    pass_days(intake, 19)

    found = history(intake, row_id(BATCH, ROW))
    [error] = found.errors
    assert (found.outcome.outcome, error.path, error.value) == ("invalid", "/priority", "high")
    assert found.body is not None
    assert b'"deal-213"' in found.body.body
    assert [(each.what, each.by, each.id) for each in found.since] == [
        ("batch", "file of failed rows", LATER_BATCH),
        ("commit", "uniqueness key", row_id(LATER_BATCH, 1)),
    ]
    assert [each.action for each in found.acts] == ["edit_commit"]

    pass_days(intake, 10)
    late = history(intake, row_id(BATCH, ROW))
    assert (late.body, [each.code for each in late.errors], late.errors[0].value) == (None, [error.code], None)
    assert late.since[-1].id == row_id(LATER_BATCH, 1)


def test_a_record_of_bad_form_is_found_by_key_and_customer(intake: Intake) -> None:
    """Of what is no body its sender tells them; a later commit of that key is what was done about it."""
    opened(intake, BATCH, "renewals.csv")
    record = {
        "id": str(row_id(BATCH, ROW)),
        "raw": "deal-213,Alder,soon",
        "form": "cell_unreadable",
        "found": "record 213 (line 214): 'soon' is no date",
        "customer": "Alder Analytics",
        "key": "deal-213",
    }
    assert intake.receive(record, batch_id=str(BATCH))[0].outcome == "invalid"
    corrected = entry(prepaid(uniqueness_key="deal-213"))
    intake.receive(corrected)
    with intake.engine.connect() as connection:
        for choice in (RefusedChoice(customer="alder analytics"), RefusedChoice(uniqueness_key="deal-213")):
            found = search_refused(connection, intake.account_id, choice, limit=9).rows
            assert [each.request_id for each in found] == [row_id(BATCH, ROW)]
    [later] = history(intake, row_id(BATCH, ROW)).since
    assert (later.what, later.by, str(later.id)) == ("commit", "uniqueness key", corrected["id"])


@pytest.mark.parametrize("source", ["renewals.csv", "standard input", "/dev/fd/63"])
def test_the_same_row_of_a_later_file_of_that_name(intake: Intake, source: str) -> None:
    """A corrected file has it, whatever keys it has; what was piped has no name that says so."""
    for batch_id, name in ((BATCH, source), (LATER_BATCH, source), (uuid4(), "others.csv")):
        opened(intake, batch_id, name)
        priority = "high" if batch_id == BATCH else 7
        intake.receive(entry(prepaid(priority=priority), request_id=row_id(batch_id, ROW)), batch_id=str(batch_id))
    found = [(each.what, each.by, each.id) for each in history(intake, row_id(BATCH, ROW)).since]
    same = ("commit", "same row of a file of this name", row_id(LATER_BATCH, ROW))
    assert found == ([same] if source == "renewals.csv" else [])


def test_what_is_judged_anew_was_refused_before(intake: Intake) -> None:
    """A row whose customer was missing is created once it is there; when and why it was refused is still told."""
    customer = str(uuid4())
    row = entry(prepaid(customer_id=customer), request_id=row_id(BATCH, 1))
    assert intake.receive(row, batch_id=str(BATCH))[0].outcome == "not_found"
    again = intake.receive(row, batch_id=str(BATCH), anew_before=intake.instant())
    first = history(intake, row["id"]).refusal
    assert first is not None
    assert (again[0].outcome, first.first_decided_at < first.decided_at) == ("not_found", True)
    catalog = f'{{"customers": [{{"id": "{customer}", "name": "new"}}]}}'
    with intake.engine.begin() as connection:
        load_catalog(connection, intake.account_id, read_catalog(catalog.encode()))
    assert intake.receive(row, batch_id=str(BATCH), anew_before=intake.instant())[0].outcome == "created"
    found = history(intake, row["id"])
    assert (found.outcome.outcome, found.refusal and found.refusal.outcome) == ("created", "not_found")
    assert [(each.what, each.by) for each in found.since] == [("commit", "the same request")]


def test_which_bodies_are_kept(intake: Intake) -> None:
    """Those of refusals and of duplicates with other content are; of what is created or repeated none is."""
    key = {"uniqueness_key": "once"}
    rows = {
        "created": entry(prepaid(**key)),
        "repeated": entry(prepaid(**key)),
        "other": entry(prepaid(**key, priority=1)),
        "not_found": entry(prepaid(product_id=str(uuid4()))),
        "raw": {"id": str(uuid4()), "raw": "no json"},
    }
    intake.receive(*rows.values())
    with intake.engine.connect() as connection:
        kept = set(connection.scalars(text("SELECT request_id FROM refused_body")))
    assert kept == {UUID(rows[name]["id"]) for name in ("other", "not_found", "raw")}


def test_a_setting_keeps_none(database: Engine) -> None:
    """With 0 days no body is written; the outcome tells customer and key all the same."""
    intake = Intake(database, settings=settings_of(outcome_body_days=0))
    intake.receive(entry(prepaid(priority="high", uniqueness_key="k")))
    assert intake.count("refused_body") == 0
    with intake.engine.connect() as connection:
        assert connection.execute(text("SELECT customer, uniqueness_key FROM outcome")).one() == (
            prepaid()["customer_id"],
            "k",
        )


def test_a_body_is_bounded(intake: Intake) -> None:
    """Of one that is longer than a body may be the beginning is kept, and its size."""
    long = entry(prepaid(description="x" * BODY_BYTES_MAX))
    assert intake.receive(long)[0].errors[0]["code"] == "body_too_large"
    body = history(intake, long["id"]).body
    assert body is not None
    assert len(body.body) < BODY_BYTES_MAX < (body.whole_bytes or 0)


def test_filters(intake: Intake) -> None:
    """By customer and key, alone and with outcome, code and time; of a batch, in the order of its rows."""
    customer = prepaid()["customer_id"]
    wrong = [
        entry(prepaid(priority="high", uniqueness_key=f"k{row % 2}"), request_id=row_id(BATCH, row))
        for row in range(1, 5)
    ]
    missing = entry(prepaid(customer_id=str(uuid4()), uniqueness_key="k1"), request_id=row_id(BATCH, 5))
    elsewhere = entry(prepaid(product_id=str(uuid4())))
    intake.receive(*wrong, missing, batch_id=str(BATCH))
    intake.receive(elsewhere)

    def found(**chosen: Any) -> set[UUID]:
        with intake.engine.connect() as connection:
            page = search_refused(connection, intake.account_id, RefusedChoice(**chosen), limit=20)
        assert page.searched_to is None
        return {each.request_id for each in page.rows}

    ids = [UUID(each["id"]) for each in wrong]
    of_missing, of_elsewhere = UUID(missing["id"]), UUID(elsewhere["id"])
    assert found() == {*ids, of_missing, of_elsewhere}
    assert found(customer=customer) == {*ids, of_elsewhere}
    assert found(customer=customer, uniqueness_key="k1") == {ids[0], ids[2]}
    assert found(uniqueness_key="k1", outcome="not_found") == {of_missing}
    assert found(customer=customer, code="product_not_found") == {of_elsewhere}
    with intake.engine.connect() as connection:
        choice = RefusedChoice(uniqueness_key="k1")
        page = search_refused_of_batch(connection, intake.account_id, BATCH, choice, limit=2)
        assert [each.request_id for each in page.rows] == [ids[0], ids[2]]
        assert page.searched_to == 3
        rest = search_refused_of_batch(
            connection, intake.account_id, BATCH, RefusedChoice(outcome="not_found"), limit=2, after=3
        )
        assert ([each.request_id for each in rest.rows], rest.searched_to) == ([of_missing], None)
        stranger = search_refused(connection, intake.account_id + 1, RefusedChoice(customer=customer), limit=9)
    assert not stranger.rows


def test_bodies_go_by_steps(intake: Intake) -> None:
    """One look removes a thousand at most of those that are older, and none that is younger."""
    with by_hand(intake.engine) as connection:
        connection.execute(
            text(f"""
            INSERT INTO refused_body (account_id, request_id, body, kept_at)
            SELECT {intake.account_id}, gen_random_uuid(), '', now() - make_interval(days => n % 2 * 31)
              FROM generate_series(1, 3000) AS n""")
        )
    left = []
    for _ in range(3):
        tidy(intake.engine)
        left.append(intake.count("refused_body"))
    assert left == [2000, 1500, 1500]
