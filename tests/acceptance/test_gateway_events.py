"""The feed over HTTP: pages that follow one another, types, and what is refused."""

import pytest
from sqlalchemy import Engine, text

from tests.acceptance.gateway import Gateway
from tests.conftest import by_hand
from tests.integration.intake import Intake, entry
from tests.integration.test_intake import prepaid
from trueup.ids import new_id
from trueup_worker.events.relay import relay


@pytest.fixture(scope="module")
def created(account: Intake, module_database: Engine) -> list[str]:
    """The ids of five commits, whose events are in the feed; a refused request's is behind them."""
    ids = [str(new_id()) for _ in range(5)]
    account.receive(*(entry(prepaid(), request_id=each) for each in ids))
    account.receive(entry({}))
    relay(module_database)
    return ids


def test_pages_follow_one_another(here: Gateway, created: list[str]) -> None:
    """Each begins behind the cursor of the one before, and the same range is the same to the letter."""
    cursor, found = 0, []
    while True:
        page = here.call("GET", f"/v1/events?after={cursor}&limit=2&types=commit.created").json
        found += page["data"]
        cursor = page["cursor"]
        if not page["has_more"]:
            break
    assert [each["subject"] for each in found] == [{"type": "commit", "id": each} for each in created]
    assert [each["sequence"] for each in found] == [1, 2, 3, 4, 5]
    assert cursor == 6
    whole = "/v1/events?after=1&limit=3"
    assert here.call("GET", whole).text == here.call("GET", whole).text


def test_all_types(here: Gateway, created: list[str]) -> None:
    """Without `after` the feed begins with the oldest event; a refusal's subject is its request."""
    page = here.call("GET", "/v1/events").json
    assert [each["type"] for each in page["data"]] == ["commit.created"] * len(created) + ["commit.rejected"]
    assert page["data"][-1]["subject"]["type"] == "request"


@pytest.mark.parametrize(
    ("query", "path"),
    [("types=commit.made", "/types"), ("after=7", "/after"), ("after=x", "/after"), ("limit=0", "/limit")],
)
def test_what_is_refused(here: Gateway, created: list[str], query: str, path: str) -> None:
    """A type that there is not, a place that no event has, and what is no number."""
    assert created
    answer = here.call("GET", f"/v1/events?{query}")
    assert answer.status == 400
    assert [each["path"] for each in answer.json["errors"]] == [path]


def test_what_is_gone(here: Gateway, created: list[str], module_database: Engine) -> None:
    """A cursor before the oldest event left is 410, which names that one."""
    assert created
    with by_hand(module_database) as connection:
        connection.execute(text("DELETE FROM outbox WHERE last_position <= 5; UPDATE feed SET trimmed_through = 5"))
    answer = here.call("GET", "/v1/events?after=2")
    assert (answer.status, answer.json["code"], answer.json["oldest"]) == (410, "gone", 6)
    assert [each["sequence"] for each in here.call("GET", "/v1/events?after=5").json["data"]] == [6]
