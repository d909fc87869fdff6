"""Reading of an upload, as its parameters tell it: the same as the command's options, under the same names."""

from collections.abc import Callable
from typing import TypeVar

from trueup.errors import TrueupError
from trueup.producer.files.columns.numbers import NumberMarks
from trueup.producer.files.key_suffix import require_suffix
from trueup.producer.files.opening.text_encoding import require_encoding
from trueup.producer.files.reading import Reading
from trueup_worker.gateway.http.options import in_parameters
from trueup_worker.gateway.http.refusals import invalid_field

T = TypeVar("T")


def reading_of(
    *,
    decimal_comma: bool | None,
    thousands: str | None,
    encoding: str | None,
    sheet: str | None,
    key_suffix: str | None = None,
) -> Reading:
    """The reading that these parameters tell; a mapping is no parameter, but a part of the body.

    Raises:
        Refusal: 400: one of them cannot be used.
    """
    return Reading(
        marks=_judged("thousands", lambda: NumberMarks(decimal_comma, thousands)),
        encoding=None if encoding is None else _judged("encoding", lambda: require_encoding(encoding)),
        key_suffix=None if key_suffix is None else _judged("key_suffix", lambda: require_suffix(key_suffix)),
        sheet=sheet,
    )


def _judged(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except TrueupError as error:
        raise invalid_field(f"/{name}", in_parameters(str(error)).removeprefix(f"{name} ")) from None
