"""URLs of endpoints: what may be given, before any name is resolved."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from trueup.errors import TrueupError
from trueup.limits import WEBHOOK_URL_CHARS_MAX
from trueup_worker.webhooks.addresses import AddressPolicy, literal

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|[0-9a-f:.]+")
_VISIBLE = re.compile(r"[!-~]+")


class WrongUrl(TrueupError):
    """Deliveries cannot go to this URL; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL, taken apart.

    Attributes:
        host: a name, or an address without brackets, in small letters.
        authority: host and port as the header `host` has them.
        path: with its query.
    """

    is_encrypted: bool
    host: str
    port: int
    authority: str
    path: str


def target_of(url: str, policy: AddressPolicy) -> Target:
    """The parts of a URL that deliveries may go to, as far as can be told without asking for its name's addresses.

    Raises:
        WrongUrl: they may not, or it is no URL.
    """
    if len(url) > WEBHOOK_URL_CHARS_MAX:
        raise WrongUrl(f"the URL has {len(url):,} characters: at most {WEBHOOK_URL_CHARS_MAX:,} are taken")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise WrongUrl("the URL has characters that no URL has: encode them, and write a name in its xn-- form")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongUrl(f"this is no URL: {error}") from None
    if parts.scheme not in _PORTS:
        raise WrongUrl("the URL must begin with https://")
    if "@" in parts.netloc:
        raise WrongUrl("the URL must not hold a user or password: check the signature of what arrives instead")
    if parts.fragment:
        raise WrongUrl("the URL must not have a fragment (#…): it is never sent")
    host = (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host) or port == 0:
        raise WrongUrl("the URL needs a host, as in https://example.com/webhooks")
    is_encrypted = parts.scheme == "https"
    if not is_encrypted and not policy.allows_loopback:
        raise WrongUrl("the URL must begin with https://: what is sent says what customers owe")
    _require_allowed(host, port or _PORTS[parts.scheme], is_encrypted=is_encrypted, policy=policy)
    named = f"[{host}]" if ":" in host else host
    return Target(
        is_encrypted=is_encrypted,
        host=host,
        port=port or _PORTS[parts.scheme],
        authority=named if port is None else f"{named}:{port}",
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _require_allowed(host: str, port: int, *, is_encrypted: bool, policy: AddressPolicy) -> None:
    address = literal(host)
    if address is None and host.replace(".", "").isdigit():  # 2130706433 and 127.1 are 127.0.0.1 to some
        raise WrongUrl(f"{host} is no address: write it with four numbers")
    if address is None and host == "localhost" and not policy.allows_loopback:
        raise WrongUrl("the URL leads to this host itself, where deliveries may not go (TRUEUP_WEBHOOK_LOOPBACK)")
    if address is not None and not policy.allows(address, port, is_encrypted=is_encrypted):
        raise WrongUrl(
            f"deliveries may not go to {address}, port {port}: only to public addresses, and to what the installation "
            "allows (TRUEUP_WEBHOOK_ALLOW)"
        )
