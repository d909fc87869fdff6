"""Tokens, signing keys and the signature header."""

import re

import pytest

from trueup.wire.message.signature import (
    BadSignature,
    BadToken,
    Signature,
    digests_of,
    new_token,
    parse_signature,
    sign,
    signing_key,
    split_token,
    verify,
)

SECRET = b"0123456789abcdef" * 4
KEY = signing_key(SECRET)
TASK, META, REQUESTS = "commits.create", '{"v":1}', "[]"
AT_S = 1_790_000_000
# Computed with openssl dgst -hmac, not with this code: other languages can check themselves against it.
KNOWN_KEY = "4bfd313259899c06949a52a537472c133608247209fac2baf881264034ea081c"
KNOWN_HEADER = "v1,ab12,1790000000,qacmnk4tRicKEyU72LtibyZJo3vjgtlrhqQL97Iznw0"


def signature() -> Signature:
    """The known header, taken apart."""
    return parse_signature(KNOWN_HEADER)


def check(*, given: Signature | None = None, now_s: float = AT_S, age_max_s: float = 3600, **changed: str) -> None:
    """Verifies the known message, with changes."""
    message = {"task": TASK, "meta": META, "requests": REQUESTS} | changed
    digests = digests_of(message["meta"], message["requests"])
    verify(given or signature(), message["task"], digests, key=KEY, now_s=now_s, age_max_s=age_max_s)


def test_known_answer() -> None:
    """Key and header are those that openssl computes."""
    assert KEY.hex() == KNOWN_KEY
    assert sign(TASK, META, REQUESTS, key_id="ab12", key=KEY, at_s=AT_S) == KNOWN_HEADER


def test_a_signed_message_is_verified() -> None:
    """What was signed passes, with padding too."""
    check()
    check(given=parse_signature(KNOWN_HEADER + "="))


@pytest.mark.parametrize("changed", [{"task": "usage.record"}, {"meta": '{"v":2}'}, {"requests": "[1]"}])
def test_a_changed_message_is_refused(changed: dict[str, str]) -> None:
    """Task name, meta and requests are vouched for."""
    with pytest.raises(BadSignature, match="does not fit"):
        check(**changed)


@pytest.mark.parametrize(
    "given",
    [
        Signature("ab13", AT_S, signature().mac),
        Signature("ab12", AT_S + 1, signature().mac),
        Signature("ab12", AT_S, b""),
    ],
)
def test_a_changed_header_is_refused(given: Signature) -> None:
    """Key id and time are vouched for, and a short MAC is none."""
    with pytest.raises(BadSignature, match="does not fit"):
        check(given=given)


def test_a_signature_expires() -> None:
    """It is good for exactly the age given, and five minutes ahead."""
    check(now_s=AT_S + 3600)
    check(now_s=AT_S - 300)
    with pytest.raises(BadSignature, match="too long ago"):
        check(now_s=AT_S + 3601)
    with pytest.raises(BadSignature, match="future"):
        check(now_s=AT_S - 301)


def test_a_lone_surrogate_is_vouched_for_like_any_text() -> None:
    """What was received is what was signed; whoever reads the envelope refuses it."""
    header = sign(TASK, META, "\ud800", key_id="ab12", key=KEY, at_s=AT_S)
    check(given=parse_signature(header), requests="\ud800")
    with pytest.raises(BadSignature, match="does not fit"):
        check(requests="\ud800")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        7,
        b"v1",
        KNOWN_HEADER.encode(),
        KNOWN_HEADER.replace("v1", "v2"),
        KNOWN_HEADER + "x",
        KNOWN_HEADER + "\n",
        KNOWN_HEADER.replace("1790000000", "١٧٩"),
        KNOWN_HEADER.replace("ab12", ""),
        "v1,ab12,1790000000",
    ],
)
def test_headers_of_another_form_are_refused(header: object) -> None:
    """Anything but the one form is a bad signature."""
    with pytest.raises(BadSignature):
        parse_signature(header)


def test_tokens_come_apart_as_they_were_made() -> None:
    """A new token has 256 random bits and no doubtful underscore."""
    text, key_id, secret = new_token()
    assert split_token(text) == (key_id, secret)
    assert re.fullmatch(rb"[0-9a-f]{64}", secret)
    assert new_token()[0] != text


@pytest.mark.parametrize("text", ["", "tu_", "tu_ab12", "tu_ab12_short", "tu__" + "0" * 64, "xx_ab12_" + "0" * 64])
def test_what_is_no_token_is_told_so(text: str) -> None:
    """The message names the form and repeats nothing of the text."""
    with pytest.raises(BadToken, match="tu_<key id>_<secret>"):
        split_token(text)
