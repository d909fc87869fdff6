"""API tokens: a verifier for bearers, and a signing key for queue messages. Neither can be had from the other.

A token belongs to an account and has scopes in it; `admin` has all of them, its tokens included. What is of the whole
installation (accounts, what nobody vouches for) asks for the scope `installation`, which is apart: it gives nothing in
any account but the making and revoking of tokens.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from cryptography.fernet import InvalidToken
from sqlalchemy import Connection, insert, select, update

from trueup.errors import ExitCode, TrueupError
from trueup.store.accounts.secret_key import require_secret_key, vault
from trueup.store.postgres.driver_statement import DriverStatement
from trueup.store.tables import token
from trueup.wire.message.signature import new_token, signing_key, split_token

Scope = Literal["commits:write", "usage:write", "read", "operate", "admin", "installation"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
WORKING_SCOPES: tuple[Scope, ...] = ("commits:write", "usage:write", "read", "operate")
SYSTEM_KEY_ID = "system"
_KEYS_REMEMBERED = 1_024

_VALID = DriverStatement("""
    SELECT t.account_id, account.name AS account_name, t.key_id, t.secret_sha256, t.signing_key, t.scopes,
           t.last_used_at, least(t.expires_at, t.revoked_at) AS good_until, account.locale
      FROM token AS t JOIN account ON account.id = t.account_id
     WHERE t.key_id = :key_id AND coalesce(t.expires_at > :now, true) AND coalesce(t.revoked_at > :now, true)
""")


class _Token(NamedTuple):
    """A row of `_VALID`."""

    account_id: int
    account_name: str
    key_id: str
    secret_sha256: bytes
    signing_key: bytes
    scopes: list[str]
    last_used_at: datetime | None
    good_until: datetime | None
    locale: str

    @property
    def caller(self) -> "Caller":
        """Caller that it speaks for."""
        return Caller(
            self.account_id, self.account_name, self.key_id, frozenset(self.scopes), self.good_until, self.locale
        )


class NotAuthenticated(TrueupError):
    """The token is malformed, unknown, expired or revoked."""

    code = "unauthenticated"
    exit_code = ExitCode.UNAUTHORISED


class NotAuthorised(TrueupError):
    """The token is good, but lacks the scope."""

    code = "forbidden"
    exit_code = ExitCode.UNAUTHORISED


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller: the account, the token's public half, what it may do, until when, if that is known; its locale."""

    account_id: int
    account: str
    key_id: str
    scopes: frozenset[str]
    good_until: datetime | None = None
    locale: str = "en"

    def require(self, scope: Scope) -> None:
        """Raise `NotAuthorised` unless the token has `scope`; `admin` has every scope of its account."""
        if scope not in self.scopes and (scope == "installation" or "admin" not in self.scopes):
            raise NotAuthorised(f"token {self.key_id} lacks the scope {scope!r}: create one that has it")


@dataclass(frozen=True, slots=True)
class QueueKey:
    """Key that a queue message's signature is checked against."""

    caller: Caller
    key: bytes


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token without its secret."""

    key_id: str
    name: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def system_key(secret_key: str) -> bytes:
    """The signing key under which Trueup itself publishes."""
    return hmac.digest(secret_key.encode(), b"trueup-system-v1", "sha256")


def create_token(
    connection: Connection,
    *,
    account_id: int,
    scopes: tuple[Scope, ...],
    secret_key: str,
    name: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Make a token and return its text, which is not stored anywhere.

    Raises:
        WrongSecretKey: nobody else would open what this key seals.
    """
    require_secret_key(connection, secret_key)
    bearer, key_id, secret = new_token()
    connection.execute(
        insert(token).values(
            account_id=account_id,
            key_id=key_id,
            secret_sha256=hashlib.sha256(secret).digest(),
            signing_key=vault(secret_key).encrypt(signing_key(secret)),
            scopes=list(scopes),
            name=name,
            expires_at=expires_at,
        )
    )
    return bearer


def authenticate(connection: Connection, bearer: str, *, now: datetime) -> Caller:
    """Authenticate a bearer token: the caller that it speaks for.

    Raises:
        NotAuthenticated: it is malformed, or (which of these is not told) unknown, expired or revoked.
    """
    try:
        key_id, secret = split_token(bearer)
    except ValueError:
        raise NotAuthenticated("this is not a Trueup token: it looks like tu_<key id>_<secret>") from None
    row = _valid(connection, key_id, now=now)
    expected = row.secret_sha256 if row else bytes(32)
    if not hmac.compare_digest(hashlib.sha256(secret).digest(), expected) or row is None:
        raise NotAuthenticated("this token is unknown, expired or revoked: create another with `trueup tokens create`")
    _note_use(connection, row, now=now)
    return row.caller


def queue_key(connection: Connection, key_id: str, *, secret_key: str, now: datetime) -> QueueKey | None:
    """The signing key behind `key_id`; None when it is unknown, expired, revoked or sealed under another secret."""
    row = _valid(connection, key_id, now=now)
    if row is None:
        return None
    try:
        key = _unsealed(secret_key, row.signing_key)
    except InvalidToken:
        return None
    _note_use(connection, row, now=now)
    return QueueKey(row.caller, key)


def has_administrator(connection: Connection, *, now: datetime) -> bool:
    """Tell whether some token is good for the installation."""
    rows = select(token.c.expires_at, token.c.revoked_at).where(token.c.scopes.contains(["installation"]))
    ends = ([row.expires_at, row.revoked_at] for row in connection.execute(rows))
    return any(all(end is None or end > now for end in each) for each in ends)


def list_tokens(connection: Connection, account_id: int) -> list[TokenInfo]:
    """The account's tokens, oldest first."""
    rows = connection.execute(select(token).where(token.c.account_id == account_id).order_by(token.c.created_at))
    return [
        TokenInfo(
            row.key_id, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.last_used_at, row.revoked_at
        )
        for row in rows
    ]


def revoke_token(connection: Connection, *, account_id: int, key_id: str, now: datetime) -> bool:
    """Revoke a token of this account; False when the account has no such token."""
    return bool(
        connection.execute(
            update(token)
            .where(token.c.account_id == account_id, token.c.key_id == key_id)
            .values(revoked_at=now)
            .returning(token.c.key_id)
        ).all()
    )


def _valid(connection: Connection, key_id: str, *, now: datetime) -> _Token | None:
    rows = _VALID.run(connection, {"key_id": key_id, "now": now})
    return _Token(*rows[0]) if rows else None


def _note_use(connection: Connection, row: _Token, *, now: datetime) -> None:
    """To the minute, so that not every use is a write; a row that another locks is left alone."""
    if row.last_used_at is not None and now - row.last_used_at < timedelta(minutes=1):
        return
    free = select(token.c.key_id).where(token.c.key_id == row.key_id).with_for_update(skip_locked=True)
    connection.execute(update(token).where(token.c.key_id.in_(free)).values(last_used_at=now))


@lru_cache(_KEYS_REMEMBERED)
def _unsealed(secret_key: str, sealed: bytes) -> bytes:
    """Open a sealed key; what opened under the same secret once opens again: a worker asks for every envelope."""
    return vault(secret_key).decrypt(sealed)
