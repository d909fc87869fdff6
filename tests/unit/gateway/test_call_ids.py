"""The ids of the calls that an envelope came by, as its header tells them."""

from trueup.limits import CALL_IDS_CHARS_MAX
from trueup.store.accounts.tokens import Caller
from trueup.wire.message.names import REQUEST_ID_HEADER
from trueup.wire.message.packing import Pack
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.enqueue.sender import SignedEnvelope


def beside(*calls: str) -> dict[str, str]:
    """Headers beside the signature of an envelope of these calls, signed or not."""
    principal = Principal(Caller(1, "acme", "key", frozenset()), None)
    return SignedEnvelope(principal, "{}", Pack([], "[]"), "commits", calls).beside


def test_all_calls_of_an_envelope_are_told() -> None:
    """In their order; where there are none, there is no header."""
    assert beside("a", "b") == {REQUEST_ID_HEADER: "a,b"}
    assert beside() == {}


def test_what_is_too_much_is_cut_between_two_ids() -> None:
    """A header stays short however many calls came together, and holds whole ids alone."""
    calls = [f"{number:036}" for number in range(500)]
    told = beside(*calls)[REQUEST_ID_HEADER]
    assert len(told) <= CALL_IDS_CHARS_MAX
    assert told.split(",") == calls[: CALL_IDS_CHARS_MAX // 37]
