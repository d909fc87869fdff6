"""Names that are like one that is not there."""

import difflib
from collections.abc import Callable, Iterable

_CHARS_MAX = 100
_NAMES_MAX = 2_000


def near(name: str, names: Iterable[str], *, told: Callable[[str], str | None] = str) -> str:
    """The name that is most like this one, as an addition to a message; "" where none is."""
    known = [each[:_CHARS_MAX] for each, _ in zip(names, range(_NAMES_MAX), strict=False)]
    lower = {each.lower(): each for each in known}
    wanted = name[:_CHARS_MAX].lower()
    found = [each for each in lower if wanted and each.startswith(wanted)] or difflib.get_close_matches(
        wanted, lower, n=1
    )
    return f" (did you mean {told(lower[found[0]])!r}?)" if found else ""
