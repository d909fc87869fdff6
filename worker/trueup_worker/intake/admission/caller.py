"""The caller on whose behalf an envelope is received."""

from datetime import datetime

from sqlalchemy import Connection

from trueup.settings import Settings
from trueup.store.accounts.accounts import account_named
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, Caller, Scope, queue_key, system_key
from trueup.store.requests.kept_envelopes import accepting_account
from trueup.wire.message.envelope import account_of
from trueup.wire.message.signature import BadSignature, Signature, parse_signature, verify
from trueup_worker.intake.dismissal import Dismissed
from trueup_worker.intake.message import Message

_SECONDS_PER_DAY = 86_400
_EVERYTHING = frozenset({"admin"})


class NotAdmitted(Exception):
    """The envelope is unsigned, forged, too old, revoked, or not of the account it names."""


class AlreadyDecided(Dismissed):
    """The envelope was published again, and has its outcomes by now: there is nothing to do."""


def caller_of(connection: Connection, message: Message, *, scope: Scope, settings: Settings, now: datetime) -> Caller:
    """The caller that an envelope's signature names and proves, with the scope that its task needs.

    Raises:
        NotAdmitted: nothing may be created, answered or touched on its behalf.
        AlreadyDecided: nothing need be.
    """
    if not settings.require_signature:
        return _named_caller(connection, message)
    try:
        signature = parse_signature(message.signature)
        if signature.key_id == SYSTEM_KEY_ID:
            caller = _kept_caller(connection, signature, message, settings=settings, now=now)
        else:
            caller = _signing_caller(connection, signature, message, settings=settings, now=now)
    except BadSignature as error:
        raise NotAdmitted(str(error)) from None
    if not caller.scopes & {scope, "admin"}:
        raise NotAdmitted(f"key {caller.key_id} lacks the scope {scope}")
    if account_of(message.meta) not in (caller.account, None):
        raise NotAdmitted(f"key {caller.key_id} is not of the account that the envelope names")
    return caller


def _signing_caller(
    connection: Connection, signature: Signature, message: Message, *, settings: Settings, now: datetime
) -> Caller:
    found = queue_key(connection, signature.key_id, secret_key=settings.secret_key.get_secret_value(), now=now)
    if found is None:
        raise NotAdmitted(f"key {signature.key_id} is unknown, expired or revoked")
    _verify(signature, message, found.key, settings=settings, now=now)
    return found.caller


def _kept_caller(
    connection: Connection, signature: Signature, message: Message, *, settings: Settings, now: datetime
) -> Caller:
    """Caller whom the envelope was accepted from: that, not what it says, is what the system's key vouches for."""
    _verify(signature, message, system_key(settings.secret_key.get_secret_value()), settings=settings, now=now)
    account = accepting_account(connection, message.digest)
    if account is None:
        raise AlreadyDecided
    return Caller(*account, SYSTEM_KEY_ID, _EVERYTHING)


def _verify(signature: Signature, message: Message, key: bytes, *, settings: Settings, now: datetime) -> None:
    verify(
        signature,
        message.task,
        message.digests,
        key=key,
        now_s=now.timestamp(),
        age_max_s=settings.signature_age_days * _SECONDS_PER_DAY,
    )


def _named_caller(connection: Connection, message: Message) -> Caller:
    """The account that the envelope itself names, where no signature is asked for."""
    name = account_of(message.meta)
    account = None if name is None else account_named(connection, name)
    if account is None:
        raise NotAdmitted(f"there is no account {name!r}" if name else "the envelope names no account")
    return Caller(account.id, account.name, SYSTEM_KEY_ID, _EVERYTHING)
