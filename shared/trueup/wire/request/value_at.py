"""Value that a JSON Pointer points at, in a body that may be anything."""

from typing import Any

import jiter


def decoded(body: str | bytes) -> Any:
    """Document in a body, numbers exact; None where it is no JSON."""
    try:
        return jiter.from_json(body if isinstance(body, bytes) else body.encode(), float_mode="decimal")
    except ValueError:
        return None


def value_at(document: Any, pointer: str) -> Any:
    """Find the value at a pointer (RFC 6901); None where there is none."""
    value = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
