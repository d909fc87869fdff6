"""Values of a file as messages show them."""

_CHARS_MAX = 40


def shown(value: str) -> str:
    """A value in quotes, shortened, its control characters escaped."""
    return repr(value if len(value) <= _CHARS_MAX else f"{value[:_CHARS_MAX]}…")
