"""A database knows which secret key its tokens are sealed under, and tells another one at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tests.bodies import invoiced
from tests.conftest import SECRET_KEY, by_hand
from tests.integration.intake import Intake, entry, settings_of
from trueup.clock import utc_now
from trueup.store.accounts.reseal import Resealed, reseal
from trueup.store.accounts.secret_key import WrongSecretKey, accept_secret_key, require_secret_key, vault
from trueup.store.accounts.tokens import create_token, has_administrator, revoke_token
from trueup.store.webhooks.endpoints import create_endpoint
from trueup.wire.message.signature import split_token

ANOTHER = "another secret key of the tests, as long as the other"


def required(database: Engine, secret_key: str) -> None:
    """Asks whether it is the database's."""
    with database.begin() as connection:
        require_secret_key(connection, secret_key)


def test_the_first_is_the_databases(database: Engine, account: int) -> None:
    """Whoever comes first says which it is; another is refused with what to do, and makes no token."""
    required(database, SECRET_KEY)
    required(database, SECRET_KEY)
    with pytest.raises(WrongSecretKey, match=r"set that one again.*--accept-secret-key"):
        required(database, ANOTHER)
    with database.begin() as connection, pytest.raises(WrongSecretKey):
        create_token(connection, account_id=account, scopes=("read",), secret_key=ANOTHER)


def test_a_database_of_an_earlier_build(database: Engine, account: int) -> None:
    """Where tokens are and nobody noted the key, one that opens none of them is refused, and not noted."""
    with database.begin() as connection:
        create_token(connection, account_id=account, scopes=("read",), secret_key=SECRET_KEY)
    with by_hand(database) as connection:
        connection.execute(text("DELETE FROM installation"))
    with pytest.raises(WrongSecretKey):
        required(database, ANOTHER)
    required(database, SECRET_KEY)


def test_one_that_is_lost(database: Engine, owned: Engine) -> None:
    """The owner lets another take its place, for all."""
    required(database, SECRET_KEY)
    with owned.begin() as connection:
        accept_secret_key(connection, ANOTHER)
    required(database, ANOTHER)
    with pytest.raises(WrongSecretKey):
        required(database, SECRET_KEY)


def test_another_takes_its_place(database: Engine, owned: Engine) -> None:
    """Messages of tokens that were made before are accepted on, deliveries are signed by the same secrets."""
    account = Intake(database)
    with database.begin() as connection:
        create_endpoint(
            connection, account.account_id, url="https://a.example/", types=(), secret="its own", secret_key=SECRET_KEY
        )
    before = account.message([entry(invoiced(uniqueness_key="signed before"))])
    with owned.begin() as connection:
        assert reseal(connection, previous=SECRET_KEY, secret_key=ANOTHER) == Resealed(1, 1, 0)
    required(database, ANOTHER)
    with pytest.raises(WrongSecretKey):
        required(database, SECRET_KEY)
    account.services = replace(account.services, settings=settings_of(secret_key=ANOTHER))
    assert account.take(before)["created"] == 1
    with database.begin() as connection:
        sealed = connection.execute(text("SELECT secret FROM webhook_endpoint")).scalar_one()
    assert vault(ANOTHER).decrypt(sealed) == b"its own"


def test_what_was_lost_before_stays_lost(database: Engine, owned: Engine, account: int) -> None:
    """A token that neither key opens is counted and left; a previous key that is not the database's changes nothing."""
    with database.begin() as connection:
        create_token(connection, account_id=account, scopes=("read",), secret_key=SECRET_KEY)
    with owned.begin() as connection:
        accept_secret_key(connection, ANOTHER)
        assert reseal(connection, previous=ANOTHER, secret_key=SECRET_KEY * 2) == Resealed(0, 0, 1)
        with pytest.raises(WrongSecretKey):
            reseal(connection, previous=ANOTHER, secret_key=SECRET_KEY)


def test_the_check_value_is_no_key(database: Engine) -> None:
    """What is stored holds nothing of the key."""
    required(database, SECRET_KEY)
    with database.connect() as connection:
        stored = connection.execute(text("SELECT secret_key_check FROM installation")).scalar_one()
    assert len(stored) == 32
    assert SECRET_KEY.encode() not in stored


def test_who_administers_the_installation(database: Engine, account: int) -> None:
    """Nobody does until a token has that scope, nor once it is revoked or has ended; `admin` is an account's."""
    now = utc_now()
    with database.begin() as connection:
        create_token(connection, account_id=account, scopes=("admin",), secret_key=SECRET_KEY)
        assert not has_administrator(connection, now=now)
        ends = now + timedelta(hours=1)
        token = create_token(
            connection, account_id=account, scopes=("installation",), secret_key=SECRET_KEY, expires_at=ends
        )
        assert has_administrator(connection, now=now)
        assert not has_administrator(connection, now=ends)
        revoke_token(connection, account_id=account, key_id=split_token(token)[0], now=now)
        assert not has_administrator(connection, now=now)
