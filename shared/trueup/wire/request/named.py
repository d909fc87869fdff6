"""Names in a body, read by themselves: of a request that is wrong, too, as far as its text can be read."""

import re
from typing import Any, NamedTuple

import msgspec

from trueup.limits import EXTERNAL_ID_CHARS_MAX
from trueup.wire.message.envelope import QueuedRequest

_NAMES = ("customer_id", "uniqueness_key", "transaction_id")
_MEMBER = {name: re.compile(rb'"%b"\s*:\s*"([^"\\]{1,1024})"' % name.encode()) for name in _NAMES}
_NOT_STORABLE = str.maketrans({"\0": "\N{REPLACEMENT CHARACTER}"})


class Named(NamedTuple):
    """Customer as a body names it, and its uniqueness key; of a usage line its transaction id."""

    customer: str | None
    key: str | None


NAMELESS = Named(None, None)


class _Members(msgspec.Struct, gc=False):
    customer_id: Any = None
    uniqueness_key: Any = None
    transaction_id: Any = None


_decoder = msgspec.json.Decoder(_Members)


def names_of(request: QueuedRequest) -> Named:
    """Names in a request; of a record that is none those that its sender told."""
    return named_in(request.text) if request.form is None else named_as(request.form.customer, request.form.key)


def named_as(customer: object, key: object) -> Named:
    """Names as they are kept: what is no text, or empty, is None, and each is cut at 255 characters."""
    return Named(_text(customer, lower=True), _text(key))


def named_in(body: str | bytes) -> Named:
    """Names in a body; what cannot be read, or is no text, is None. Each is cut at 255 characters."""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    try:
        found = _decoder.decode(raw)
        customer, key, line = (getattr(found, name) for name in _NAMES)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        customer, key, line = (_searched(name, raw) for name in _NAMES)
    return named_as(customer, key or line)


def _searched(name: str, raw: bytes) -> str | None:
    """The member of this name in a text that no parser reads."""
    match = _MEMBER[name].search(raw)
    return None if match is None else match[1].decode("utf-8", "replace")


def _text(value: object, *, lower: bool = False) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    text = value[:EXTERNAL_ID_CHARS_MAX].encode("utf-8", "replace").decode().translate(_NOT_STORABLE)
    return text.lower() if lower else text
