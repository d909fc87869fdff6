"""Open points of a mapping: texts that begin with TODO, which somebody has to decide first."""

from collections.abc import Iterator
from typing import Any

from trueup.producer.files.mapping.problems import WrongMapping

OPEN = "TODO: "

_TOLD_MAX = 20
_TOLD_CHARS_MAX = 120


def require_decided(told: Any, *, name: str) -> None:
    """Refuse a mapping with open points.

    Args:
        told: what its TOML says.
        name: what the user calls the file.

    Raises:
        WrongMapping: each of them, with its key.
    """
    found = [*_open_points(told, "")]
    if found:
        listed = "".join(f"\n  {each}" for each in found[:_TOLD_MAX])
        more = f"\n  and {len(found) - _TOLD_MAX} more" if len(found) > _TOLD_MAX else ""
        raise WrongMapping(
            f"{name} has open points: decide them, each where its TODO stands. Nothing was sent:{listed}{more}"
        )


def _open_points(told: Any, key: str) -> Iterator[str]:
    if isinstance(told, dict):
        for name, value in told.items():
            yield from _open_points(value, f"{key}.{name}" if key else name)
    elif isinstance(told, list):
        for index, value in enumerate(told):
            yield from _open_points(value, f"{key}.{index}")
    elif isinstance(told, str) and told.partition(":")[0].strip() == "TODO":
        yield f"{key} = {told[:_TOLD_CHARS_MAX]!r}"
