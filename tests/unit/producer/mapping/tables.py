"""Tables and mappings as tests write them."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups
from trueup.producer.files.mapping.mapped_table import MappedTable
from trueup.producer.files.mapping.problems import BadCell
from trueup.producer.files.mapping.read import parse_mapping
from trueup.wire.message.envelope import Kind

CUSTOMER = "13117714-3f05-48e5-a6e9-a66093f13b4d"
PRODUCT = "f14d6729-6a44-4b13-9908-9387f1918790"

REQUIRED = f"""
customer_id = {{ value = "{CUSTOMER}" }}
product_id = {{ value = "{PRODUCT}" }}
type = {{ value = "PREPAID" }}
priority = 100
access_amount = {{ value = 1 }}
access_starting_at = 2026-01-01
access_ending_before = 2027-01-01
"""
_NAMES = [line.partition(" ")[0] for line in REQUIRED.strip().splitlines()]


def mapping_text(fields: str, rest: str = "") -> str:
    """A mapping that fills what a request must have, as far as these fields do not."""
    given = {line.partition("=")[0].strip() for line in fields.splitlines()}
    required = [line for line in REQUIRED.strip().splitlines() if line.partition(" ")[0] not in given]
    return "\n".join(["[fields]", *required, fields, rest])


def table_of(
    fields: str, names: Sequence[str], rest: str = "", *, kind: Kind = "commit", lookups: Lookups = NOTHING_LOOKED_UP
) -> MappedTable:
    """A table of these columns under a mapping."""
    mapping = parse_mapping(mapping_text(fields, rest).encode(), name="deals.toml")
    return MappedTable(mapping, names, kind, lookups=lookups)


def body_of(table: MappedTable, cells: Sequence[str]) -> Any:
    """The body that a record makes, numbers with all their digits."""
    return json.loads(table.row(1, cells, b"").text, parse_float=Decimal)


def problem_of(table: MappedTable, cells: Sequence[str]) -> str:
    """Code and words of what is wrong with a record."""
    try:
        row = table.row(1, cells, b"")
    except BadCell as bad:
        return f"{bad.code}: {bad}"
    return f"none: {row.text}"


def at(body: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for part in path.split("."):
        body = body[int(part)] if isinstance(body, list) else body.get(part)
        if body is None:
            return None
    return body
