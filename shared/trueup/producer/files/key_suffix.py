"""A suffix that makes the keys of a file new ones: of a corrected file whose first send was taken back.

Nothing of a body is parsed and written again: a field that is given twice counts by its last place, so that the new key
is appended to the body as it is.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from trueup.errors import TrueupError
from trueup.limits import EXTERNAL_ID_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX
from trueup.wire.message.envelope import QueuedRequest

SUFFIX_CHARS_MAX = 32


class WrongSuffix(TrueupError):
    """The suffix cannot end a key."""


class _Keyed(msgspec.Struct, gc=False):
    """A body, as far as it has a key."""

    uniqueness_key: Raw | UnsetType = UNSET


_keyed = msgspec.json.Decoder(_Keyed)
_text = msgspec.json.Decoder(str)


def require_suffix(suffix: str) -> str:
    """The suffix, if it can end a key.

    Raises:
        WrongSuffix: it is empty, too long, or holds what is not printed.
    """
    if not 0 < len(suffix) <= SUFFIX_CHARS_MAX or not suffix.isprintable():
        raise WrongSuffix(f"--key-suffix is 1 to {SUFFIX_CHARS_MAX} characters that are printed, such as -r2")
    return suffix


def with_suffix(request: QueuedRequest, suffix: str) -> QueuedRequest:
    """The request with its uniqueness key, and its idempotency key, ended by the suffix; as it is where it has none.

    What is no key is left as it is, and refused for what it is.
    """
    key = request.idempotency_key
    if key is not None and len(key) + len(suffix) <= IDEMPOTENCY_KEY_CHARS_MAX:
        request = replace(request, idempotency_key=f"{key}{suffix}")
    if request.form is not None and request.form.key is not None and request.kind != "usage":
        request = replace(
            request, form=request.form._replace(key=f"{request.form.key}{suffix}"[:EXTERNAL_ID_CHARS_MAX])
        )
    text = request.text if isinstance(request.text, str) else request.text.decode()
    if request.raw or (key := _key_of(text)) is None:
        return request
    body = text.rstrip().removesuffix("}")
    return replace(request, text=f'{body},"uniqueness_key":{msgspec.json.encode(key + suffix).decode()}}}')


def _key_of(body: str) -> str | None:
    """The key of a body that has one: a text that is not empty."""
    try:
        found = _keyed.decode(body).uniqueness_key
        return None if found is UNSET else _text.decode(found) or None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
