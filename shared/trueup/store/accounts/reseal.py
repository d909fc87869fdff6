"""Another secret key: what is sealed under the previous one is opened and sealed anew, all of it or nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, select, text, update

from trueup.store.accounts.secret_key import accept_secret_key, require_secret_key, vault
from trueup.store.tables import token, webhook_endpoint

_LOCK = text("LOCK TABLE token, webhook_endpoint IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class Resealed:
    """Number of what was sealed anew.

    Attributes:
        tokens: whose messages are accepted on.
        webhooks: whose deliveries are signed on.
        left: tokens and webhooks with what the previous key does not open: it was lost with an earlier key.
    """

    tokens: int
    webhooks: int
    left: int


def reseal(connection: Connection, *, previous: str, secret_key: str) -> Resealed:
    """Let this key take the place of the previous one, without a token or a webhook's secret being lost.

    For the schema's owner, while no process runs: one that has the previous key would refuse good messages.

    Raises:
        WrongSecretKey: the previous key is not the database's.
    """
    require_secret_key(connection, previous)
    connection.execute(_LOCK)  # else a token that is made meanwhile would stay under the previous one
    change = _Change(vault(previous), vault(secret_key))
    tokens = sum(_reseal_tokens(connection, change))
    webhooks = sum(_reseal_webhooks(connection, change))
    accept_secret_key(connection, secret_key)
    return Resealed(tokens, webhooks, change.left)


@dataclass(slots=True)
class _Change:
    previous: Fernet
    next: Fernet
    left: int = 0

    def of(self, *sealed: bytes | None) -> list[bytes | None] | None:
        """Each of them under the next key; None where one of them is under neither."""
        try:
            return [each and self.next.encrypt(self.previous.decrypt(each)) for each in sealed]
        except InvalidToken:
            self.left += 1
            return None


def _reseal_tokens(connection: Connection, change: _Change) -> Iterable[bool]:
    for key_id, signing_key in connection.execute(select(token.c.key_id, token.c.signing_key)).all():
        anew = change.of(signing_key)
        if anew:
            connection.execute(update(token).where(token.c.key_id == key_id).values(signing_key=anew[0]))
        yield anew is not None


def _reseal_webhooks(connection: Connection, change: _Change) -> Iterable[bool]:
    of = webhook_endpoint.c
    for row in connection.execute(select(of.account_id, of.id, of.secret, of.previous_secret, of.older_secrets)).all():
        if anew := change.of(row.secret, row.previous_secret, *row.older_secrets):
            secret, before, *older = anew
            values = {"secret": secret, "previous_secret": before, "older_secrets": older}
            which = (of.account_id == row.account_id) & (of.id == row.id)
            connection.execute(update(webhook_endpoint).where(which).values(values))
        yield anew is not None
