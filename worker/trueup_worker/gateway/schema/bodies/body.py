"""The base of bodies, and the types of their fields."""

from collections.abc import Callable
from typing import Annotated, Any, Final, LiteralString

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from trueup.limits import KEY_CHARS_MAX, LIST_ENTRIES_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX
from trueup.wire.values import TEXT_PATTERN, Timestamp

PAGE_MAX = 100
PAGE = 25
NO_CURSOR: Final = "must be a next_page that an earlier answer gave"


def worded(message: LiteralString, **details: object) -> WrapValidator:
    """Say what a value must be, whatever is wrong with it."""

    def judge(value: object, inner: Callable[[object], object]) -> object:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("wrong_type", message, details) from None

    return WrapValidator(judge)


Instant = Timestamp
Flag = Annotated[bool, Field(strict=True)]
_OF_A_PAGE = worded("must be a whole number between 1 and {most}", most=PAGE_MAX)
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX), _OF_A_PAGE]
BodyLimit = Annotated[int, Field(ge=1, le=PAGE_MAX, strict=True), _OF_A_PAGE]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, pattern=TEXT_PATTERN)]
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, pattern=TEXT_PATTERN)]
Key = Annotated[str, Field(min_length=1, max_length=KEY_CHARS_MAX, pattern=TEXT_PATTERN)]
Entries = Field(max_length=LIST_ENTRIES_MAX)
Texts = Annotated[list[Text], Entries]
CustomFields = Annotated[dict[Text, Text], Entries]


class Body(BaseModel):
    """A body that says nothing unknown; null is the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def example(body: dict[str, Any]) -> ConfigDict:
    """The configuration of a body with an example, which the OpenAPI document shows."""
    return ConfigDict(json_schema_extra={"examples": [body]})
