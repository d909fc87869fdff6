"""The leaf values of a request: each type judges its JSON value and gives it back in one canonical form.

Python validators raise `PydanticCustomError` with the problem's code. Texts and UUIDs are judged by pydantic's own
string validator, whose patterns are turned into codes by `PATTERN_CODES`.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal, LiteralString

from pydantic import Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from trueup.domain.money import fits
from trueup.limits import (
    DESCRIPTION_CHARS_MAX,
    DIGITS_BEFORE_POINT_MAX,
    EXTERNAL_ID_CHARS_MAX,
    KEY_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
)

UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
TEXT_PATTERN = r"^[^\u0000]*$"
PATTERN_CODES = {UUID_PATTERN: "not_a_uuid", TEXT_PATTERN: "text_not_storable"}

TIMESTAMP_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)
_FRACTION = 2  # the group of the pattern
_YEARS = range(1970, 9999)
_FITTING_INTEGERS = 10**DIGITS_BEFORE_POINT_MAX
TIMESTAMPS_REMEMBERED = 4096  # the same month boundaries come again and again


def _refusal(code: LiteralString, **details: str) -> PydanticCustomError:
    return PydanticCustomError(code, code, details)  # the words come from the table of codes


def number(value: object) -> Decimal:
    """Judge a JSON number as the decoder gives it, int or Decimal: at most 18 digits before the point, 12 after."""
    if type(value) is int:
        if -_FITTING_INTEGERS < value < _FITTING_INTEGERS:
            return Decimal(value)
        raise _refusal("amount_precision")
    if type(value) is not Decimal:
        raise _refusal("not_a_number")
    if not fits(value):
        raise _refusal("amount_precision")
    return value


def amount(value: object) -> Decimal:
    """A `number` greater than 0."""
    judged = number(value)
    if judged <= 0:
        raise _refusal("amount_not_positive")
    return judged


def not_negative(value: object) -> Decimal:
    """A `number` that is 0 or greater."""
    judged = number(value)
    if judged < 0:
        raise _refusal("negative")
    return judged


def timestamp(value: object) -> datetime:
    """An instant: aware, in UTC, digits beyond microseconds cut off."""
    return _instant(value)[0]


def hour(value: object) -> datetime:
    """A `timestamp` on a whole hour in UTC, judged on the text with all its digits."""
    instant, aligned = _instant(value)
    if not aligned:
        raise _refusal("not_hour_aligned")
    return instant


def _instant(value: object) -> tuple[datetime, bool]:
    if not isinstance(value, str):
        raise _refusal("not_a_timestamp")
    return instant_of_text(value)


@lru_cache(TIMESTAMPS_REMEMBERED)
def instant_of_text(text: str) -> tuple[datetime, bool]:
    """The instant that a timestamp means, and whether it is a whole hour in UTC.

    Raises:
        PydanticCustomError: `not_a_timestamp`.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise _refusal("not_a_timestamp")
    try:
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refusal("not_a_timestamp") from None
    if instant.year not in _YEARS:
        raise _refusal("not_a_timestamp")
    beyond_minutes = instant.second or (match[_FRACTION] or "").strip(".0")
    return instant, not (instant.minute or beyond_minutes)


def _member(*values: str, lower_case_too: bool) -> PlainValidator:
    """Judge an enum and give it back in upper case."""
    spellings = {value: value for value in values}
    if lower_case_too:
        spellings |= {value.lower(): value for value in values}

    def judge(value: object) -> str:
        if isinstance(value, str) and value in spellings:
            return spellings[value]
        raise _refusal("not_an_enum_value", expected=", ".join(spellings))

    return PlainValidator(judge, json_schema_input_type=Literal[*spellings])


_JsonNumber = Annotated[float, Field(strict=True)]
_JsonTimestamp = Annotated[str, StringConstraints(pattern=TIMESTAMP_PATTERN)]

Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN, to_lower=True)]
Number = Annotated[Decimal, PlainValidator(number, json_schema_input_type=_JsonNumber)]
Amount = Annotated[Decimal, PlainValidator(amount, json_schema_input_type=Annotated[_JsonNumber, Field(gt=0)])]
NotNegative = Annotated[
    Decimal, PlainValidator(not_negative, json_schema_input_type=Annotated[_JsonNumber, Field(ge=0)])
]
Timestamp = Annotated[datetime, PlainValidator(timestamp, json_schema_input_type=_JsonTimestamp)]
Hour = Annotated[datetime, PlainValidator(hour, json_schema_input_type=_JsonTimestamp)]

Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARS_MAX, pattern=TEXT_PATTERN)]
Description = Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARS_MAX, pattern=TEXT_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=TEXT_CHARS_MAX, pattern=TEXT_PATTERN)]
ExternalId = Annotated[str, StringConstraints(max_length=EXTERNAL_ID_CHARS_MAX, pattern=TEXT_PATTERN)]
UniquenessKey = Annotated[str, StringConstraints(min_length=1, max_length=KEY_CHARS_MAX, pattern=TEXT_PATTERN)]
TransactionId = UniquenessKey

CommitType = Annotated[Literal["PREPAID", "POSTPAID"], _member("PREPAID", "POSTPAID", lower_case_too=True)]
RateType = Annotated[Literal["COMMIT_RATE", "LIST_RATE"], _member("COMMIT_RATE", "LIST_RATE", lower_case_too=True)]
AccessType = Annotated[Literal["SPEND", "QUANTITY"], _member("SPEND", "QUANTITY", lower_case_too=False)]
Frequency = Annotated[
    Literal["MONTHLY", "QUARTERLY", "SEMI_ANNUAL", "ANNUAL"],
    _member("MONTHLY", "QUARTERLY", "SEMI_ANNUAL", "ANNUAL", lower_case_too=True),
]
Distribution = Annotated[
    Literal["DIVIDED", "DIVIDED_ROUNDED", "EACH"], _member("DIVIDED", "DIVIDED_ROUNDED", "EACH", lower_case_too=True)
]
