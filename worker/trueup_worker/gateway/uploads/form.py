"""Form of an upload: a file and its mapping as parts of one body, told apart as they stream in."""

from typing import Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from trueup.limits import MAPPING_BYTES_MAX
from trueup_worker.gateway.http.refusals import Refusal, invalid_field
from trueup_worker.gateway.uploads.media_types import FORM

_BESIDE_BYTES_MAX = MAPPING_BYTES_MAX + 64 * 1024  # headers, boundaries, and what stands before and after the parts
_SHOWN_CHARS_MAX = 60
_PLAIN = frozenset({"", "binary", "8bit", "7bit"})  # transfer encodings that change nothing


class Sink(Protocol):
    """Sink of a file's bytes."""

    def write(self, part: bytes) -> None:
        """Add a part."""


class Form:
    """Parts of a body of `multipart/form-data`: one `file`, which goes to a sink, and at most one `mapping`.

    Args:
        content_type: the header, with the boundary.
        sink: for the bytes of `file`.

    Attributes:
        mapping: its bytes; None: there is none.
        file_type: what the file's part says of its type; empty where it says nothing.
        file_name: likewise of its name.

    Raises:
        Refusal: 400: the header has no boundary that can be used.
    """

    def __init__(self, content_type: str, sink: Sink) -> None:
        self.mapping: bytes | None = None
        self._sink, self.file_type, self.file_name = sink, "", ""
        self._mapping = bytearray()
        self._names: set[str] = set()
        self._name = ""
        self._headers: dict[str, bytes] = {}
        self._header, self._value = bytearray(), bytearray()
        self._file_pieces: list[bytes] = []
        self._beside_bytes = 0
        self._has_ended = False
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _no_form("its content-type names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda text, start, end: self._header.extend(text[start:end]),
                    "on_header_value": lambda text, start, end: self._value.extend(text[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _no_form(str(error)) from None

    def write(self, part: bytes) -> None:
        """Add what has come of the body.

        Raises:
            Refusal: 400: it is no form, or has other parts; else as the sink.
        """
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise _no_form(str(error)) from None
        file_part = b"".join(self._file_pieces)
        self._file_pieces.clear()
        self._beside_bytes += len(part) - len(file_part)
        if self._beside_bytes > _BESIDE_BYTES_MAX:
            raise _no_form(f"more than {_BESIDE_BYTES_MAX // 1024} KiB of it are no part of the file")
        if file_part:
            self._sink.write(file_part)

    def close(self) -> None:
        """Note that the body is whole.

        Raises:
            Refusal: 400: it is not, or lacks the file.
        """
        if not self._has_ended:
            raise _no_form("it is cut short")
        if "file" not in self._names:
            raise invalid_field("/file", "is required: send the rows as a part of this name", code="missing")

    def _on_part_begin(self) -> None:
        self._headers.clear()

    def _on_header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        told = parse_options_header(self._headers.get("content-disposition"))[1]
        name = told.get(b"name", b"").decode(errors="replace")
        if name not in ("file", "mapping"):
            shown = name[:_SHOWN_CHARS_MAX]
            raise invalid_field(
                f"/{shown}",
                "is not a known part: a form has the parts file and mapping, and all else stands in the query",
                code="unknown_field",
            )
        if name in self._names:
            raise invalid_field(f"/{name}", "must stand once in a form")
        if self._header_text("content-transfer-encoding").lower() not in _PLAIN:
            raise invalid_field(f"/{name}", "must be sent as it is, without a content-transfer-encoding")
        self._names.add(name)
        self._name = name
        if name == "file":
            self.file_type = self._header_text("content-type")
            self.file_name = told.get(b"filename", b"").decode(errors="replace")

    def _header_text(self, name: str) -> str:
        return self._headers.get(name, b"").decode("latin-1").strip()

    def _on_part_data(self, text: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self._file_pieces.append(text[start:end])
            return
        self._mapping += text[start:end]
        if len(self._mapping) > MAPPING_BYTES_MAX:
            raise invalid_field(
                "/mapping",
                f"must have at most {MAPPING_BYTES_MAX // 1024} KiB: keep its tables shorter",
                code="too_long",
            )

    def _on_part_end(self) -> None:
        if self._name == "mapping":
            self.mapping = bytes(self._mapping)

    def _on_end(self) -> None:
        self._has_ended = True


def _no_form(why: str) -> Refusal:
    return invalid_field("", f"must be {FORM} as its content-type says: {why}")
