"""Look-ups: records of the catalog that cells name, instead of their ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Union

from trueup.domain.unit import PIECES, Unit
from trueup.producer.files.mapping.model import LookedUp


class Wanted(NamedTuple):
    """A record that a cell asks for.

    Attributes:
        kind: of the record.
        by: name, external_id, id, `custom_fields.NAME`, or customer.
        text: how it is named.
        customer: of a contract: whose, by a look-up of its own.
    """

    kind: LookedUp
    by: str
    text: str
    customer: Union["Wanted", None] = None


@dataclass(frozen=True, slots=True)
class Found:
    """The one record that is named so; `name` is what people call it, `unit` what amounts count in it, if it is one."""

    id: str
    name: str
    unit: Unit = PIECES


@dataclass(frozen=True, slots=True)
class Unfound:
    """No record, or several.

    Attributes:
        candidates: the several, by name and id; empty: there is none.
        near: what is like the text.
    """

    candidates: tuple[Found, ...] = ()
    near: str = ""


Lookups = Mapping[Wanted, Found | Unfound]

NOTHING_LOOKED_UP: Lookups = {}
