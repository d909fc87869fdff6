"""What is shown of a service's URL: never a password, however badly it is encoded."""

import pytest

from trueup.addresses import MASK, shown_address, shown_url, without_secrets
from trueup.settings import read_settings

SHOWN = {
    "postgresql://me:hush@db.example:5432/trueup": "postgresql://me:***@db.example:5432/trueup",
    "postgresql://me@db.example/trueup?sslmode=require": "postgresql://me@db.example/trueup?sslmode=require",
    "postgresql+psycopg://me:hu%73h@[::1]:5432/x": "postgresql+psycopg://me:***@[::1]:5432/x",
    "postgresql://db.example/x?user=me&password=hush&sslpassword=hush": (
        "postgresql://db.example/x?user=me&password=***&sslpassword=***"
    ),
    "redis://:hush@127.0.0.1:6379/0": "redis://:***@127.0.0.1:6379/0",
    "sentinel://:hush@a:26379,b:26379/main/0": "sentinel://:***@a:26379,b:26379/main/0",
    "amqp://me:hush@broker//": "amqp://me:***@broker//",
}
UNREADABLE = [
    "postgresql://me:hu/sh@db.example/x",
    "postgresql://me:hu@sh@db.example/x",
    "postgresql://me:hu#sh@db.example/x",
    "postgresql://me:hu?sh@db.example/x",
    "postgresql://me:hu[sh@db.example/x",
    "postgresql://me:hu:sh@db.example/x",
    "postgresql://me:hu%sh@db.example/x",
    "postgresql://me:hu sh@db.example/x",
    "host=db.example password=hush",
    "me:hush@db.example",
    "hush",
]


@pytest.mark.parametrize("url", SHOWN)
def test_a_well_formed_url(url: str) -> None:
    """Its host and path are shown, its password is not."""
    assert shown_url(url) == SHOWN[url]
    assert "hush" not in shown_address(url)


@pytest.mark.parametrize("url", UNREADABLE)
def test_what_cannot_be_read(url: str) -> None:
    """Nothing of it is shown, and nothing of what a driver said about it."""
    assert (shown_url(url), shown_address(url)) == (MASK, MASK)
    assert "hu" not in without_secrets(f"invalid token in {url!r}", url)


def test_what_a_driver_says() -> None:
    """The password is taken out, decoded or not."""
    said = "no pa/ss and no pa%2Fss here, nor hush"
    assert without_secrets(said, "postgresql://me:pa%2Fss@db/x?sslpassword=hush") == "no *** and no *** here, nor ***"


def test_settings_in_a_traceback() -> None:
    """The text form of the settings has no URL and no key."""
    read = read_settings(
        database_url="postgresql://me:hush@db/x",
        database_direct_url="postgresql://owner:hush@db/x",
        broker_url="redis://:hush@db/0",
        redis_url="redis://:hush@db/1",
        secret_key="hush" * 8,
    )
    assert "hush" not in f"{read!r} {read}"


MISPLACED = {
    "redis://hush@host/0": "redis://***@host/0",
    "postgresql://me%3Ahush@db/x": "postgresql://***@db/x",
    "postgresql://me:123/hush%40db/x": MASK,
    "postgresql://db/x?password=a&hush": "postgresql://db/x?password=***&***",
    "postgresql://db/x?pass%77ord=hush": "postgresql://db/x?pass%77ord=***",
}


@pytest.mark.parametrize("url", MISPLACED)
def test_a_password_in_the_wrong_place(url: str) -> None:
    """What may be a password is not shown, where it stands in another's place or a delimiter was encoded with it."""
    assert shown_url(url) == MISPLACED[url]
