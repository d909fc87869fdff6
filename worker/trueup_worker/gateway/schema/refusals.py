"""Refusals of calls, for the document: by status, with examples."""

from trueup.wire.problems import Problem
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.http import refusals
from trueup_worker.gateway.http.error import Existing
from trueup_worker.gateway.http.refusals import Refusal

_NOT_POSITIVE = Problem(**examples.NOT_POSITIVE)
_HOLDER = Existing(id=examples.COMMIT, type="PREPAID")

REFUSALS: dict[str, tuple[str, tuple[Refusal, ...]]] = {
    "400": (
        "The call breaks the rules: `errors` has every problem, with its place and its code.",
        (refusals.invalid([_NOT_POSITIVE]),),
    ),
    "401": (
        "There is no token, or it is unknown, expired or revoked.",
        (refusals.unauthenticated("this token is unknown, expired or revoked"),),
    ),
    "403": (
        "The token lacks the scope.",
        (refusals.forbidden("token 5f1c lacks the scope 'operate': create one that has it"),),
    ),
    "404": (
        "It is missing, or another account's; or all that is wrong is what the body refers to.",
        (refusals.invalid([Problem.of("customer_not_found", path="/customer_id")]),),
    ),
    "408": ("The body did not arrive in time.", (refusals.too_slow(),)),
    "409": (
        "What is used once (a key, a transaction id, a batch's name) belongs to something else.",
        (
            refusals.already_used("uniqueness_key", _HOLDER, same_content=True),
            Refusal(409, "idempotency_key_reused", "the idempotency key was used before with other content"),
        ),
    ),
    "410": (
        "Events after this place were kept for their term, and are gone: `oldest` is the place of the first one left.",
        (refusals.gone("events after 100 are no longer kept: the oldest one left has the position 4711", oldest=4711),),
    ),
    "413": ("The body is too long.", (refusals.too_large(),)),
    "415": ("The body is of another type.", (refusals.wrong_media_type(),)),
    "429": (
        "The account is past its rate, or the backlog at its limit: again after `retry-after` seconds.",
        (refusals.rate_limited("more than 100 calls a second"),),
    ),
    "500": ("A defect in Trueup.", (refusals.defect("0193e9a4"),)),
    "503": (
        (
            "A service is away. With `retry-after` nothing was kept, and the call may be repeated; with "
            "`x-should-retry: false` that is not known: ask first, for `data.id` where there is one."
        ),
        (refusals.unavailable("the queue"),),
    ),
}
