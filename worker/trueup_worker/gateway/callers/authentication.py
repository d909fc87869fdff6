"""Authentication: a bearer token becomes a principal, and is not asked about in the database at every call."""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

from sqlalchemy import Engine

from trueup.clock import utc_now
from trueup.producer.signer import Signer
from trueup.settings import Settings
from trueup.store.accounts.tokens import Caller, NotAuthenticated, NotAuthorised, Scope, authenticate, queue_key
from trueup.store.postgres.engine import transaction
from trueup.wire.message.signature import BadToken, split_token
from trueup_worker.gateway.callers.guess_limit import Guesses
from trueup_worker.gateway.database.single_flight import SingleFlight
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.http.refusals import Refusal, forbidden, unauthenticated
from trueup_worker.gateway.limits import TOKEN_SECONDS_MAX, TOKENS_MAX

_SCHEME = "bearer "
_HOW = "send the header authorization: Bearer tu_<key id>_<secret>"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller, and what signs envelopes on its behalf; no signer where workers do not ask for signatures."""

    caller: Caller
    signer: Signer | None


@dataclass(frozen=True, slots=True)
class _Known:
    secret_sha256: bytes
    principal: Principal
    until_s: float


class Authentication:
    """The tokens that were good a moment ago.

    Args:
        engine: where tokens are kept.
        threads: in which the database is asked.
        settings: of the secret key that opens the signing keys.
        clock_s: a monotonic clock.
    """

    def __init__(
        self, engine: Engine, threads: Threads, settings: Settings, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._threads, self._settings, self._clock_s = engine, threads, settings, clock_s
        self._known: dict[str, _Known] = {}  # those too that have to be asked about again: nobody guesses them
        self._guesses = Guesses(settings.http_wrong_tokens, clock_s=clock_s)
        self._guessing: dict[bytes, SingleFlight[Principal]] = {}

    async def admit(self, authorization: str | None, scope: Scope, *, peer: str = "") -> Principal:
        """The principal that a header speaks for.

        Args:
            authorization: the header.
            scope: what the token must have.
            peer: the address that it came from.

        Raises:
            Refusal: 401 without a good token, 403 without the scope, 429 after too many wrong ones, 503 when the
                database cannot be asked.
        """
        principal = await self._principal(authorization, peer)
        try:
            principal.caller.require(scope)
        except NotAuthorised as error:
            raise forbidden(str(error)) from None
        return principal

    async def _principal(self, authorization: str | None, peer: str) -> Principal:
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise unauthenticated(f"this call needs a token: {_HOW}")
        token = authorization[len(_SCHEME) :].strip()
        try:
            key_id, secret = split_token(token)
        except BadToken:
            self._guesses.require_room(peer, "")
            self._guesses.take(peer, "")
            raise unauthenticated(f"this is not a Trueup token: {_HOW}") from None
        digest = hashlib.sha256(secret).digest()
        known = self._known.get(key_id)
        was_good = known is not None and hmac.compare_digest(known.secret_sha256, digest)
        if known is not None and was_good and self._clock_s() < known.until_s:
            return known.principal
        if was_good:
            return await self._ask(token, key_id, digest)
        return await self._guessed(token, key_id, digest, peer)

    async def _guessed(self, token: str, key_id: str, digest: bytes, peer: str) -> Principal:
        """As `_guess`, which is one for all calls that bring the same token at the same time."""
        guess = self._guessing.get(digest)
        if guess is None:
            guess = self._guessing[digest] = SingleFlight(partial(self._guess, token, key_id, digest, peer))
        try:
            return await guess()
        finally:
            self._guessing.pop(digest, None)

    async def _guess(self, token: str, key_id: str, digest: bytes, peer: str) -> Principal:
        """As `_ask`, for a token that may be wrong, as often as that may be tried."""
        self._guesses.require_room(peer, key_id)
        self._guesses.take(peer, key_id)
        is_wrong = False
        try:
            return await self._ask(token, key_id, digest)
        except Refusal as refusal:
            is_wrong = refusal.status_code == HTTPStatus.UNAUTHORIZED
            raise
        finally:
            if not is_wrong:
                self._guesses.give_back(peer, key_id)

    async def _ask(self, token: str, key_id: str, digest: bytes) -> Principal:
        try:
            principal = await self._threads.run(self._look_up, token)
        except NotAuthenticated as error:
            known = self._known.get(key_id)
            if known is not None and hmac.compare_digest(known.secret_sha256, digest):  # it was good, and is no more
                del self._known[key_id]
            raise unauthenticated(str(error)) from None
        if len(self._known) >= TOKENS_MAX:
            self._known.clear()
        self._known[key_id] = _Known(
            digest, principal, self._clock_s() + _seconds_known(principal.caller, now=utc_now())
        )
        return principal

    def _look_up(self, token: str) -> Principal:
        now = utc_now()
        with transaction(self._engine) as connection:
            caller = authenticate(connection, token, now=now)
            if not self._settings.require_signature:
                return Principal(caller, None)
            secret_key = self._settings.secret_key.get_secret_value()
            found = queue_key(connection, caller.key_id, secret_key=secret_key, now=now)
        if found is None:
            raise NotAuthenticated(
                "this token was made under a secret key that is lost: create another, `trueup tokens create`"
            )
        return Principal(caller, Signer(caller.key_id, found.key))


def _seconds_known(caller: Caller, *, now: datetime) -> float:
    """For how long nobody asks again: not beyond the token's end."""
    if caller.good_until is None:
        return TOKEN_SECONDS_MAX
    return min(TOKEN_SECONDS_MAX, (caller.good_until - now).total_seconds())
