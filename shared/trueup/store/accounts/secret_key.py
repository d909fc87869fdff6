"""Which secret key a database's tokens are sealed under: a check value says it, from which no key can be had."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, select, text

from trueup.errors import TrueupError
from trueup.store.tables import installation, token

_TOKENS_TRIED = 100  # the youngest: older ones may be sealed under a key that was lost before this was noted
_NOTE = text("INSERT INTO installation (secret_key_check) VALUES (:check) ON CONFLICT DO NOTHING")
_REPLACE = text("""
    INSERT INTO installation AS i (secret_key_check) VALUES (:check)
    ON CONFLICT (is_one) DO UPDATE SET secret_key_check = excluded.secret_key_check, noted_at = now()
     WHERE i.secret_key_check <> excluded.secret_key_check
""")


class WrongSecretKey(TrueupError):
    """The secret key is not the one that this database's tokens are sealed under."""

    def __init__(self) -> None:
        super().__init__(
            "the secret key (TRUEUP_SECRET_KEY, or the file secret_key of the data folder) is not the one that this "
            "database's tokens were made under, so that their messages would be refused: set that one again, or bring "
            "its file back. If it is lost, `trueup up --accept-secret-key` (on own servers `trueup migrate "
            "--accept-secret-key`) lets this one take its place; then make new tokens, as the old ones cannot enqueue"
        )


def require_secret_key(connection: Connection, secret_key: str) -> None:
    """Make sure that this is the database's secret key; the first that opens its tokens, if any, is noted as that.

    Raises:
        WrongSecretKey: it is not.
    """
    known = _known(connection)
    if known is None and _opens_a_token(connection, secret_key):
        connection.execute(_NOTE, {"check": _check_value(secret_key)})
        known = _known(connection)  # somebody else may have been quicker
    if known is None or not hmac.compare_digest(known, _check_value(secret_key)):
        raise WrongSecretKey


def accept_secret_key(connection: Connection, secret_key: str) -> None:
    """Let this key take the place of one that is lost. For the schema's owner."""
    connection.execute(_REPLACE, {"check": _check_value(secret_key)})


def vault(secret_key: str) -> Fernet:
    """Cipher that seals and opens signing keys."""
    return Fernet(urlsafe_b64encode(hashlib.sha256(b"trueup-token-vault-v1" + secret_key.encode()).digest()))


def _check_value(secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"trueup-key-check-v1", "sha256")


def _known(connection: Connection) -> bytes | None:
    found: bytes | None = connection.scalar(select(installation.c.secret_key_check))
    return found


def _opens_a_token(connection: Connection, secret_key: str) -> bool:
    """Tell whether one of the tokens is sealed under this key; a database without tokens takes any."""
    youngest = select(token.c.signing_key).order_by(token.c.created_at.desc()).limit(_TOKENS_TRIED)
    sealed = connection.scalars(youngest).all()
    return not sealed or any(_opens(each, secret_key) for each in sealed)


def _opens(sealed: bytes, secret_key: str) -> bool:
    try:
        vault(secret_key).decrypt(sealed)
    except InvalidToken:
        return False
    return True
