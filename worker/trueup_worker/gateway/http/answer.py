"""The base of what calls are answered with: one class has the fields, their types, what they mean, and their JSON."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Self, dataclass_transform, get_args
from uuid import UUID

import msgspec

from trueup.store.postgres.search_page import SearchPage

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Amount = Decimal  # on the wire: a JSON number with all its digits

encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An object of an answer, encoded as it stands: in the order of its fields.

    A field that has a default is left out where it has that value; null is what may be null and has no default. The
    class is a schema of the OpenAPI document under its own name; its docstring describes it, and under `Attributes:`
    its fields. What a call is answered with has a class method `example`, which the document shows.
    """

    @classmethod
    def from_record(cls, record: object, **given: Any) -> Self:
        """The answer about a record: what is given, and every other field as the record has it."""
        names, values_of = _taken_over(cls, tuple(given))
        values = values_of(record)
        return cls(**dict(zip(names, values, strict=True)), **given) if given else cls(*values)


@cache
def _taken_over(kind: type[Answer], given: tuple[str, ...]) -> tuple[Sequence[str], Callable[[object], Sequence[Any]]]:
    """The fields of a class that are not given, and what reads all of them at once: hundreds stand in a list."""
    names = [name for name in kind.__struct_fields__ if name not in given]
    return names, attrgetter(*names)


def keys_of(literal: Any) -> msgspec.Meta:
    """Members of a `Literal` as the keys that an object may have, for its schema."""
    return msgspec.Meta(extra_json_schema={"propertyNames": {"enum": list(get_args(literal))}})


class Id(Answer):
    """Id of what was made, or is meant."""

    id: UUID


class Page(Answer):
    """Some of what is listed, and where the next page begins."""

    data: list[Any]
    next_page: Any

    @classmethod
    def of(cls, objects: Iterable[Any], *, limit: int, **more: Any) -> Self:
        """A page of at most `limit` objects, and where the next one begins, if more than that are given."""
        listed = list(objects)
        next_page = listed[limit - 1].id if len(listed) > limit else None
        return cls(data=listed[:limit], next_page=next_page, **more)

    @classmethod
    def of_search(cls, found: SearchPage[Any, Any], told: Callable[[Any], Any], *, limit: int, **more: Any) -> Self:
        """A page of a search for one more than `limit`; it may hold less than that, or none, with more to come."""
        page = cls.of(map(told, found.rows), limit=limit, **more)
        return page if len(found.rows) > limit else msgspec.structs.replace(page, next_page=found.searched_to)
