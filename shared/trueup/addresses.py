"""Display of a service's URL: its host and path, and nothing that is secret in it."""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

MASK = "***"
_TEXT = r"(?:[^\s:/?#@\[\]%\\]|%[0-9a-fA-F]{2})*"
_HOST = r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])?(?::\d{1,5})?"
# So strict that a password which should have been percent-encoded cannot pass for a part of host or path.
_WELL_FORMED = re.compile(
    rf"[a-z][a-z0-9+.-]*://(?:{_TEXT}(?::{_TEXT})?@)?{_HOST}(?:,{_HOST})*(?:/[^\s@?#]*)?(?:\?[^\s@#]*)?"
)
_SECRET = re.compile(r"(?i)(pass|secret|key|token|credential)")


def shown_url(url: str) -> str:
    """The URL with its secrets masked; all of it, where it is no well-formed URL: who knows what stands where in it."""
    if not _WELL_FORMED.fullmatch(url):
        return MASK
    parts = urlsplit(url)
    return parts._replace(netloc=_netloc(parts), query="&".join(map(_argument, parts.query.split("&")))).geturl()


def shown_address(url: str) -> str:
    """Host and port alone."""
    return urlsplit(url).netloc.rpartition("@")[2] if _WELL_FORMED.fullmatch(url) else MASK


def without_secrets(said: str, url: str) -> str:
    """Remove a URL's password from a driver's message, whether it is encoded there or not."""
    if not _WELL_FORMED.fullmatch(url):
        return "it is no well-formed URL (is something in it to be percent-encoded?)"
    for secret in sorted({form for each in _secrets(urlsplit(url)) for form in (each, unquote(each))}, key=len):
        said = said.replace(secret, MASK)
    return said


def _secrets(parts: SplitResult) -> Iterator[str]:
    if parts.password:
        yield parts.password
    yield from (value for name, _, value in map(_split, parts.query.split("&")) if value and _SECRET.search(name))


def _netloc(parts: SplitResult) -> str:
    if parts.password is None:
        return parts.netloc
    user, _, host = parts.netloc.rpartition("@")
    return f"{user.partition(':')[0]}:{MASK}@{host}"


def _argument(argument: str) -> str:
    name, separator, value = _split(argument)
    return f"{name}{separator}{MASK}" if value and _SECRET.search(name) else argument


def _split(argument: str) -> tuple[str, str, str]:
    return argument.partition("=")
