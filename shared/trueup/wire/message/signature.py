r"""Signatures: tokens, the signing key made of one, and the header `trueup-signature`.

The token never travels. What travels is `v1,<key id>,<unix seconds>,<base64url HMAC-SHA-256>` over the UTF-8 text

    v1\n<task>\n<key id>\n<seconds>\n<hex SHA-256 of meta>\n<hex SHA-256 of requests>

so that task, time, account and every byte of both arguments are vouched for. Standard library only: what a producer in
another language must do stands here whole.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from trueup.errors import ExitCode, TrueupError

VERSION = "v1"
SECONDS_AHEAD_MAX = 300  # how far a producer's clock may be ahead of the worker's

_PURPOSE = b"trueup-queue-v1"
_TOKEN = re.compile(r"tu_([A-Za-z0-9]{1,64})_([A-Za-z0-9-]{32,128})", re.ASCII)
_HEADER = re.compile(r"v1,([A-Za-z0-9]{1,64}),([0-9]{1,12}),([A-Za-z0-9_-]{43})=?", re.ASCII)

Digests = tuple[bytes, bytes]
"""SHA-256 of a message's two arguments."""


class BadSignature(TrueupError):
    """The message is unsigned, forged, or signed at another time."""

    code = "unauthenticated"
    exit_code = ExitCode.UNAUTHORISED


class BadToken(TrueupError, ValueError):
    """A token reads tu_<key id>_<secret>."""

    code = "unauthenticated"
    exit_code = ExitCode.UNAUTHORISED

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature header, taken apart and not yet verified."""

    key_id: str
    at_s: int
    mac: bytes


def new_token() -> tuple[str, str, bytes]:
    """A token that nobody has seen: its text, its key id and its secret (as `split_token` would return them)."""
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    return f"tu_{key_id}_{secret}", key_id, secret.encode()


def split_token(token: str) -> tuple[str, bytes]:
    """Take a token's text apart.

    Returns:
        The key id, which travels with each message, and the secret, which does not: the bytes of its text in the token
        (64 hex digits: 256 random bits).

    Raises:
        BadToken: the text is no token.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadToken
    return match[1], match[2].encode()


def signing_key(secret: bytes) -> bytes:
    """The key that signs messages: HMAC-SHA-256(secret, "trueup-queue-v1"); the secret cannot be had from it."""
    return hmac.digest(secret, _PURPOSE, "sha256")


def sign(task: str, meta: str, requests: str, *, key_id: str, key: bytes, at_s: int) -> str:
    """The header for a message.

    Args:
        task: name of the Celery task.
        meta: the task's first argument, as it travels.
        requests: the task's second argument, as it travels.
        key_id: the public half of the token.
        key: what `signing_key` made of its secret.
        at_s: unix seconds.
    """
    mac = _mac(task, digests_of(meta, requests), key_id=key_id, key=key, at_s=at_s)
    return f"{VERSION},{key_id},{at_s},{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def parse_signature(header: object) -> Signature:
    """Take a header apart; says nothing yet about its truth.

    Raises:
        BadSignature: there is no header, or it has another form.
    """
    if header is None:
        raise BadSignature("the message is not signed")
    match = _HEADER.fullmatch(header) if isinstance(header, str) else None
    if match is None:
        raise BadSignature("the signature has another form than v1,<key id>,<unix seconds>,<base64url HMAC-SHA-256>")
    return Signature(key_id=match[1], at_s=int(match[2]), mac=base64.urlsafe_b64decode(match[3] + "="))


def digests_of(meta: str, requests: str) -> Digests:
    """SHA-256 of each argument as it was received, even where it is no good Unicode."""
    return (
        sha256(meta.encode("utf-8", "surrogatepass")).digest(),
        sha256(requests.encode("utf-8", "surrogatepass")).digest(),
    )


def verify(signature: Signature, task: str, digests: Digests, *, key: bytes, now_s: float, age_max_s: float) -> None:
    """Check a message against its signature, in constant time.

    Args:
        signature: what `parse_signature` returned.
        task: name of the Celery task that the message asks for.
        digests: of its arguments.
        key: the signing key of the token that `signature.key_id` names.
        now_s: the present, in unix seconds.
        age_max_s: how old a signature may be.

    Raises:
        BadSignature: forged, too old, or from the future by more than five minutes.
    """
    expected = _mac(task, digests, key_id=signature.key_id, key=key, at_s=signature.at_s)
    if not hmac.compare_digest(expected, signature.mac):
        raise BadSignature("the signature does not fit the message")
    if signature.at_s > now_s + SECONDS_AHEAD_MAX:
        raise BadSignature("the message was signed in the future: compare the clocks of producer and worker")
    if signature.at_s < now_s - age_max_s:
        raise BadSignature("the message was signed too long ago")


def _mac(task: str, digests: Digests, *, key_id: str, key: bytes, at_s: int) -> bytes:
    said = (VERSION, task, key_id, str(at_s), *(digest.hex() for digest in digests))
    return hmac.digest(key, "\n".join(said).encode(), "sha256")
