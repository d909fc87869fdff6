"""A token that was good a moment ago is not asked about again, and never lives longer for it."""

import asyncio
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.conftest import SECRET_KEY
from tests.integration.intake import Intake, settings_of
from trueup.clock import utc_now
from trueup.store.accounts.tokens import create_token, revoke_token
from trueup.wire.message.signature import split_token
from trueup_worker.gateway.callers.authentication import Authentication
from trueup_worker.gateway.database.threads import Threads
from trueup_worker.gateway.http.refusals import Refusal


@pytest.mark.parametrize(("expires_after_s", "is_asked_about"), [(None, False), (50, True)])
def test_how_long_a_token_is_known(
    common_database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    expires_after_s: float | None,
    is_asked_about: bool,  # noqa: FBT001
) -> None:
    """For a time after it was good (a second, here a minute), but not beyond its end."""
    monkeypatch.setattr("trueup_worker.gateway.callers.authentication.TOKEN_SECONDS_MAX", 60.0)
    account_id = Intake(common_database, account=f"known until {expires_after_s}").account_id
    expires_at = None if expires_after_s is None else utc_now() + timedelta(seconds=expires_after_s)
    with common_database.begin() as connection:
        token = create_token(
            connection, account_id=account_id, scopes=("read",), secret_key=SECRET_KEY, expires_at=expires_at
        )
    clock_s = [100.0]
    with closing(Threads(1, name="asking")) as threads:
        authentication = Authentication(common_database, threads, settings_of(), clock_s=lambda: clock_s[0])
        asyncio.run(authentication.admit(f"Bearer {token}", "read"))
        with common_database.begin() as connection:
            revoke_token(connection, account_id=account_id, key_id=split_token(token)[0], now=utc_now())
        clock_s[0] += 55
        if is_asked_about:
            with pytest.raises(Refusal):
                asyncio.run(authentication.admit(f"Bearer {token}", "read"))
        else:
            asyncio.run(authentication.admit(f"Bearer {token}", "read"))


def test_many_first_calls_at_once_are_one_guess(common_database: Engine) -> None:
    """A gateway that just started asks once about a good token that a hundred calls bring, and shuts none out."""
    account_id = Intake(common_database, account="a hundred first calls").account_id
    with common_database.begin() as connection:
        token = create_token(connection, account_id=account_id, scopes=("read",), secret_key=SECRET_KEY)

    async def call(authentication: Authentication) -> set[int]:
        calls = (authentication.admit(f"Bearer {token}", "read", peer="10.0.0.1") for _ in range(100))
        return {principal.caller.account_id for principal in await asyncio.gather(*calls)}

    with closing(Threads(1, name="asking")) as threads:
        settings = settings_of().model_copy(update={"http_wrong_tokens": 1})
        assert asyncio.run(call(Authentication(common_database, threads, settings))) == {account_id}
