"""From an element of the broker's list to what kombu makes a message of: no structure in it is the sender's own."""

from binascii import Error as NotBase64
from binascii import a2b_base64
from typing import Any

from trueup.ids import new_id_text
from trueup.limits import ELEMENT_BYTES_MAX, UNAUTHENTICATED_BYTES_MAX
from trueup_worker.celery.form import Element, read_element
from trueup_worker.celery.refusal import Refused


def payload_of(text: bytes, *, queue: str) -> dict[str, Any]:
    """A message as kombu expects it once it is decoded.

    Its delivery tag is ours: two messages with one tag would be acknowledged together. It comes back to the queue where
    it was found. The member `element` is its text, unchanged.

    Args:
        text: the element.
        queue: where it was found.

    Raises:
        Refused: it is too large, or no message.
    """
    if len(text) > ELEMENT_BYTES_MAX:
        told = f"{len(text)} bytes on the queue, where {ELEMENT_BYTES_MAX} are allowed"
        raise Refused("too_large", told, beginning=text[:UNAUTHENTICATED_BYTES_MAX])
    element = read_element(text)
    return {
        "body": _body(element),
        "content-type": element.content_type,
        "content-encoding": element.content_encoding,
        "headers": element.headers.told(),
        "properties": {
            "delivery_tag": new_id_text(),
            "delivery_info": {"exchange": "", "routing_key": queue},
        },
        "element": text,
    }


def _body(element: Element) -> bytes:
    encoding = element.properties.body_encoding
    if encoding == "base64":
        try:
            return a2b_base64(element.body)
        except (NotBase64, ValueError) as error:
            raise Refused("undecodable", f"the body is no base64: {error}") from None
    if encoding is None or encoding.lower() == "utf-8":
        return element.body.encode()
    raise Refused("rejected", f"properties.body_encoding is {encoding[:100]!r} instead of base64 or utf-8")
