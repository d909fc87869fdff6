"""Values that errors are about, as the command line shows them beside the message."""

import json
from typing import Any

from trueup.producer.files.row import Row
from trueup.producer.files.shown import shown
from trueup.wire.request.value_at import decoded, value_at

_CHARS_MAX = 40


class RowValues:
    """The values of one row; its body is read when the first one is asked for."""

    def __init__(self, row: Row) -> None:
        self._row, self._document = row, None

    def with_value(self, path: str, message: str) -> str:
        """A message with the value that it is about, shortened and escaped; without where there is none to show."""
        if self._row.raw or not path:
            return message
        if self._document is None:
            self._document = decoded(self._row.text)
        value: Any = value_at(self._document, path)
        if value is None or isinstance(value, dict | list):
            return message
        if isinstance(value, str):
            return f"{message}: found {shown(value)}"
        text = json.dumps(value, default=str).strip('"')
        return f"{message}: found {text[:_CHARS_MAX]}{'…' * (len(text) > _CHARS_MAX)}"
