"""Envelopes that are too heavy for one transaction are decided bit by bit, and hold nobody up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from tests import bodies
from tests.conftest import SECRET_KEY
from tests.integration.intake import Entry, Intake, entry
from trueup.clock import utc_now
from trueup.limits import EXPANDED_ROWS_MAX, SCHEDULE_ITEMS_MAX
from trueup.producer.signer import Signer
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, system_key
from trueup.store.requests.kept_envelopes import Kept, accept, take_due
from trueup.wire.message.names import SIGNATURE_HEADER
from trueup.wire.outcome import Outcome
from trueup_worker.intake.commits import persist as persisting
from trueup_worker.intake.message import Message
from trueup_worker.intake.parts import turns, weight
from trueup_worker.reporting.reconcile import reconcile

MONTHS = 1_190
ROWS_MAX = 5_000  # in place of 20,000, where the figure does not matter
PER_PART = ROWS_MAX // (MONTHS + 1)


@pytest.fixture
def intake(database: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    """An account that receives; what it leaves agrees."""
    monkeypatch.setattr(weight, "EXPANDED_ROWS_MAX", ROWS_MAX)
    yield Intake(database)
    with database.begin() as connection:
        assert reconcile(connection) == []


def heavy(**changes: Any) -> dict[str, Any]:
    """A body of a few hundred bytes that becomes 1,190 obligations."""
    monthly = bodies.recurring(
        starting_at="2025-01-01T00:00:00Z",
        ending_before="2124-03-01T00:00:00Z",
        amount_distribution="EACH",
        amount=100,
    )
    return bodies.invoiced(invoice_schedule={"recurring_schedule": monthly}) | changes


def kept_message(intake: Intake, kept: Kept) -> Message:
    """A kept envelope as the sweeper publishes it."""
    signer = Signer(SYSTEM_KEY_ID, system_key(SECRET_KEY))
    headers = signer.headers(kept.meta, kept.requests, at=utc_now(), task=intake.task)
    return Message(intake.task, kept.meta, kept.requests, headers[SIGNATURE_HEADER])


def sweep(intake: Intake) -> list[Message]:
    """What is due now."""
    with intake.engine.begin() as connection:
        return [kept_message(intake, kept) for kept in take_due(connection, limit=50)]


def decide(intake: Intake, *entries: Entry) -> list[Outcome]:
    """Receives one envelope, in as many turns as it takes; the outcomes of its requests, in order."""
    intake.take(intake.message(list(entries)))
    settle(intake)
    found = intake.outcomes(*entries)
    return [found[UUID(each["id"])] for each in entries]


def settle(intake: Intake) -> int:
    """Receives whatever is due until nothing is; gives how many deliveries that took."""
    deliveries = 0
    while due := sweep(intake):
        for message in due:
            intake.take(message)
            deliveries += 1
    return deliveries


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn is over after its first part."""
    begun: list[turns.Turn] = []

    def is_over(turn: turns.Turn) -> bool:
        is_new = turn not in begun
        begun.append(turn)
        return not is_new

    monkeypatch.setattr(turns.Turn, "is_over", property(is_over))


@contextmanager
def counted_statements() -> Iterator[list[int]]:
    """How many segments and obligations each statement was given to write."""
    seen: list[int] = []
    insert = persisting.insert_new

    def noting(*given: Any, **more: Any) -> set[str]:
        seen.append(len(more["segments"]) + len(more["obligations"]))
        return insert(*given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persisting, "insert_new", noting)
        yield seen


def test_no_request_is_too_heavy_by_itself() -> None:
    """The largest request is a fraction of what one transaction may write."""
    assert 2 * SCHEDULE_ITEMS_MAX < EXPANDED_ROWS_MAX / 5


def test_work_of_a_transaction_is_bounded(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """No transaction writes more than 20,000 rows, and all requests become commits, in their order."""
    monkeypatch.setattr(weight, "EXPANDED_ROWS_MAX", EXPANDED_ROWS_MAX)
    monkeypatch.setattr(turns, "TURN_S", 60.0)
    entries = [entry(heavy(uniqueness_key=f"order {number}")) for number in range(33)]
    with counted_statements() as written:
        outcomes = intake.receive(*entries)
    assert [each.outcome for each in outcomes] == ["created"] * len(entries)
    assert len(written) == 3  # of 16, 16 and 1 requests
    assert max(written) <= EXPANDED_ROWS_MAX
    booked = [row.id for row in intake.rows("SELECT id FROM commit WHERE account_id = :a ORDER BY booked_at, id")]
    assert [each.request_id for each in outcomes][-1] == booked[-1]
    assert intake.count("obligation") == len(entries) * MONTHS
    assert [intake.count(table) for table in ("intake", "delivery")] == [0, 0]


@pytest.mark.usefixtures("short_turns")
def test_a_turn_ends(intake: Intake) -> None:
    """After its time the envelope is kept and comes again, and what was decided is not expanded once more."""
    entries = [entry(heavy()) for _ in range(PER_PART * 2 + 1)]
    message = intake.message(entries)
    with counted_statements() as written:
        assert intake.take(message) == {}
        assert intake.count("commit") == PER_PART
        assert intake.count("delivery") == 0
        assert settle(intake) == 2
    assert sum(written) == len(entries) * (MONTHS + 1)
    assert intake.count("commit") == len(entries)
    assert [intake.count(table) for table in ("intake", "delivery")] == [0, 0]


def test_the_same_key_twice(intake: Intake) -> None:
    """The first in the envelope's order wins, whatever transaction it is in."""
    entries = [entry(heavy(uniqueness_key="one")) for _ in range(PER_PART + 1)]
    outcomes = decide(intake, *entries)
    assert [each.outcome for each in outcomes] == ["created"] + ["duplicate"] * PER_PART
    assert intake.count("commit") == 1


def test_every_outcome_among_heavy_ones(intake: Intake) -> None:
    """Invalid, unknown and duplicate requests get theirs beside heavy ones."""
    entries = [entry(heavy(uniqueness_key=f"{number}")) for number in range(PER_PART + 1)]
    odd = [entry(heavy(priority="x")), entry(heavy(customer_id=str(UUID(int=1)))), entry(heavy(uniqueness_key="0"))]
    outcomes = [each.outcome for each in decide(intake, *entries, *odd)]
    assert outcomes == ["created"] * len(entries) + ["invalid", "not_found", "duplicate"]


def test_a_worker_that_dies_between_two_parts(intake: Intake) -> None:
    """Delivered again, the envelope goes on where it stopped: nothing is lost, nothing doubled."""
    entries = [entry(heavy()) for _ in range(PER_PART * 2)]
    message = intake.message(entries)
    commits = []

    def die(_: Any) -> None:
        commits.append(1)
        if len(commits) == 5:  # weighed, joined, found, first part, second part
            raise KeyboardInterrupt

    event.listen(intake.engine, "begin", die)
    with pytest.raises(KeyboardInterrupt):
        intake.take(message)
    event.remove(intake.engine, "begin", die)
    assert 0 < intake.count("commit") < len(entries)
    intake.take(message)
    settle(intake)
    assert intake.count("commit") == len(entries)
    assert intake.count("obligation") == len(entries) * MONTHS
    assert [intake.count(table) for table in ("intake", "delivery")] == [0, 0]


@pytest.mark.usefixtures("short_turns")
def test_one_of_an_account_at_a_time(intake: Intake) -> None:
    """While one heavy envelope has its turn, the others of its account are set aside; all of them end in order."""
    messages = [intake.message([entry(heavy()) for _ in range(PER_PART * 2)]) for _ in range(3)]
    for message in messages:
        assert intake.take(message) == {}
    assert intake.count("commit") == PER_PART  # of the first
    assert intake.count("intake") == 3
    settle(intake)
    assert intake.count("commit") == 6 * PER_PART
    assert [intake.count(table) for table in ("intake", "delivery")] == [0, 0]


@pytest.mark.usefixtures("short_turns")
def test_other_accounts_have_lines_of_their_own(intake: Intake) -> None:
    """What waits of one account holds up nobody else's."""
    first, second = intake, Intake(intake.engine, "second")
    first.take(first.message([entry(heavy()) for _ in range(PER_PART * 2)]))
    second.take(second.message([entry(heavy()) for _ in range(PER_PART * 2)]))
    assert (first.count("commit"), second.count("commit")) == (PER_PART, PER_PART)


def test_the_sweeper_goes_round_the_accounts(intake: Intake) -> None:
    """However much of one account is due, and for however long, what another has due is published in the same sweep."""
    other = Intake(intake.engine, "other")
    for account, envelopes in ((intake, 60), (other, 1)):
        kept = [Kept("{}", f'["{number}"]', "commits.bulk", 1) for number in range(envelopes)]
        with intake.engine.begin() as connection:
            accept(connection, account.account_id, kept, lease_s=60, due_now=True)
    with intake.engine.begin() as connection:
        taken = take_due(connection, limit=50)
        assert len(taken) == 50
        assert intake.count("intake") == 60
        left = connection.scalars(text("SELECT account_id FROM intake WHERE due_at <= now()")).all()
        assert set(left) == {intake.account_id}
        connection.execute(text("DELETE FROM intake"))
