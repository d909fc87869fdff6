"""Display of a service's URL: its host and path, and nothing that is secret in it."""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from trueup.broker.schemes import takes_password_alone

MASK = "***"
_TEXT = r"(?:[^\s:/?#@\[\]%\\]|%[0-9a-fA-F]{2})*"
_HOST = r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]|%2[Ff][\w.%-]*)?(?::\d{1,5})?"
# So strict that a password which should have been percent-encoded cannot pass for a part of host or path.
_WELL_FORMED = re.compile(
    rf"[a-z][a-z0-9+.-]*://(?:{_TEXT}(?::{_TEXT})?@)?{_HOST}(?:,{_HOST})*(?:/[^\s@?#]*)?(?:\?[^\s@#]*)?"
)
_ENCODED_DELIMITER = re.compile(r"(?i)%(?:3a|3f|23|40)")
_SECRET = re.compile(r"(?i)(pass|secret|key|token|credential)")


def is_well_formed(url: str) -> bool:
    """Tell whether nothing in the URL lacks its percent-encoding."""
    return _WELL_FORMED.fullmatch(url) is not None


def shown_url(url: str) -> str:
    """The URL with its secrets masked; all of it, where it is no well-formed URL: who knows what stands where in it."""
    parts = urlsplit(url) if is_well_formed(url) else None
    if parts is None or _ENCODED_DELIMITER.search(parts.path):
        return MASK  # a delimiter that was encoded too: what stands before it in the path may be a password
    return parts._replace(netloc=_netloc(parts), query="&".join(map(_argument, parts.query.split("&")))).geturl()


def shown_address(url: str) -> str:
    """Host and port alone."""
    return urlsplit(url).netloc.rpartition("@")[2] if is_well_formed(url) else MASK


def without_secrets(said: str, url: str) -> str:
    """Remove a URL's password from a driver's message, whether it is encoded there or not."""
    if not is_well_formed(url):
        return "it is no well-formed URL (is something in it to be percent-encoded?)"
    for secret in sorted({form for each in _secrets(urlsplit(url)) for form in (each, unquote(each))}, key=len):
        said = said.replace(secret, MASK)
    return said


def _secrets(parts: SplitResult) -> Iterator[str]:
    if parts.password:
        yield parts.password
    yield from (
        value for name, _, value in map(_split, parts.query.split("&")) if value and _SECRET.search(unquote(name))
    )


def _netloc(parts: SplitResult) -> str:
    if parts.password is None:
        return _without_misplaced_secret(parts)
    user, _, host = parts.netloc.rpartition("@")
    return f"{user.partition(':')[0]}:{MASK}@{host}"


def _without_misplaced_secret(parts: SplitResult) -> str:
    """Mask a user name that alone is the password: Redis knows none without, and an encoded colon separates nothing."""
    user, separator, host = parts.netloc.rpartition("@")
    misplaced = user and (takes_password_alone(parts.scheme) or _ENCODED_DELIMITER.search(user))
    return f"{MASK}{separator}{host}" if misplaced else parts.netloc


def _argument(argument: str) -> str:
    name, separator, value = _split(argument)
    if argument and not separator:
        return MASK  # the rest of a value with an & in it
    return f"{name}{separator}{MASK}" if value and _SECRET.search(unquote(name)) else argument


def _split(argument: str) -> tuple[str, str, str]:
    return argument.partition("=")
