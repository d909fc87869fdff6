"""A short run of the fuzzer, and the proof that it notices what it looks for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import watched
from tests.fuzz.fuzzing import BATCH, fuzz
from tests.fuzz.generator import odd_element
from tests.messages import good_message
from trueup_worker.celery.element import payload_of
from trueup_worker.celery.form import read_body, read_headers
from trueup_worker.celery.refusal import Refused

_, GOOD = good_message("acme", "tu_1_" + "0" * 64)


@given(st.randoms(use_true_random=False))
def test_any_odd_message_is_read_or_refused(rng: Any) -> None:
    """Whatever is drawn, reading it ends in arguments or in a refusal."""
    try:
        payload = payload_of(odd_element(rng, GOOD), queue="commits")
        read_headers(payload["headers"])
        read_body(payload["body"], content_type=payload["content-type"], encoding=payload["content-encoding"])
    except Refused as refused:
        assert str(refused)  # noqa: PT017 (either end is a good one)


@pytest.mark.slow
def test_ten_seconds() -> None:
    """Ten seconds of odd messages end no worker and lose nothing."""
    with watched() as (watch, folder):
        done = fuzz(watch, (folder / "process-0.log").read_text, seconds=10, seed=1)
    assert done.odd >= BATCH
