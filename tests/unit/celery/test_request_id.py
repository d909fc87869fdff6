"""The ids of calls, in a message's header: for the log alone, and judged as everything from outside."""

from typing import Any

import pytest

from trueup.limits import CALL_IDS_CHARS_MAX
from trueup.wire.message.names import REQUEST_ID_HEADER
from trueup_worker.celery.form import read_headers
from trueup_worker.intake.message import message_of

HEADERS = {"task": "commits.create", "id": "1"}


def carried(value: Any) -> str | None:
    """What a worker makes of a header."""
    told = read_headers({**HEADERS, REQUEST_ID_HEADER: value}).told()
    return message_of("commits.create", ("{}", "[]"), told).request_id


@pytest.mark.parametrize(
    "good", ["order-4711", "a,b", "01900000-0000-7000-8000-000000000001", "x" * CALL_IDS_CHARS_MAX]
)
def test_ids_are_carried(good: str) -> None:
    """One, or several with commas between."""
    assert carried(good) == good


@pytest.mark.parametrize(
    "odd", [None, "", "a b", 'a"b', "a\nb", "ä", "x" * (CALL_IDS_CHARS_MAX + 1), 7, True, ["a"], {"a": {"b": "c"}}]
)
def test_what_a_log_cannot_hold_is_left_out(odd: Any) -> None:
    """It is no reason to refuse a request."""
    assert carried(odd) is None
