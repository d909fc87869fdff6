"""Who may enqueue (spec 2.2): the check before any body is read."""

from datetime import datetime

from sqlalchemy import Connection

from shared.settings import Settings
from shared.store.accounts import account_named
from shared.store.tokens import SYSTEM_KEY_ID, Caller, QueueKey, Scope, queue_key, system_key
from shared.wire.envelope import read_meta
from shared.wire.signature import BadSignature, Signature, parse_signature, verify
from worker.intake.message import Message

_SECONDS_PER_DAY = 86_400


class NotAdmitted(Exception):
    """The envelope is unsigned, forged, too old, revoked, or not of the account it names."""


def admit(connection: Connection, message: Message, *, scope: Scope, settings: Settings, now: datetime) -> Caller:
    """The caller on whose behalf this envelope is received.

    Raises:
        NotAdmitted: nothing may be created, answered or touched on its behalf.
        BadEnvelope: only `meta` says which account it is, and `meta` cannot be read.
        UnknownVersion: likewise.
    """
    if not settings.require_signature:
        return _named_caller(connection, message)
    try:
        signature = parse_signature(message.signature)
        key = _key(connection, signature, message, settings=settings, now=now)
        verify(
            signature,
            message.task,
            message.meta,
            message.requests,
            key=key.key,
            now_s=now.timestamp(),
            age_max_s=settings.signature_age_days * _SECONDS_PER_DAY,
        )
    except BadSignature as error:
        raise NotAdmitted(str(error)) from None
    if not key.caller.scopes & {scope, "admin"}:
        raise NotAdmitted(f"key {signature.key_id} lacks the scope {scope}")
    return key.caller


def _key(
    connection: Connection, signature: Signature, message: Message, *, settings: Settings, now: datetime
) -> QueueKey:
    secret_key = settings.secret_key.get_secret_value()
    if signature.key_id == SYSTEM_KEY_ID:
        return QueueKey(_named_caller(connection, message), system_key(secret_key))
    found = queue_key(connection, signature.key_id, secret_key=secret_key, now=now)
    if found is None:
        raise NotAdmitted(f"key {signature.key_id} is unknown, expired or revoked")
    return found


def _named_caller(connection: Connection, message: Message) -> Caller:
    """The account that the envelope itself names, where no token says whose it is."""
    name = read_meta(message.meta).account
    account = account_named(connection, name)
    if account is None:
        raise NotAdmitted(f"there is no account {name!r}")
    return Caller(account.id, account.name, SYSTEM_KEY_ID, frozenset({"admin"}))
