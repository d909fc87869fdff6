"""Reading of a file, as its user told it: whatever decides, beside the content, what is sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from trueup.producer.files.columns.numbers import AS_IN_JSON, NumberMarks
from trueup.producer.files.mapping.model import TableMapping
from trueup.producer.files.mapping.template import columns_of_source


@dataclass(frozen=True, slots=True)
class Reading:
    """Options by which a file is read; a field that changes what is sent has a line in `_told`, too.

    Attributes:
        marks: how the numbers of a table are written.
        mapping: how the columns of a table fill the fields of requests; None: its header names fields.
        key_suffix: ends the keys of all rows that have one, which makes new keys of them; None: they are as they are.
        encoding: of a text, as `require_encoding` names it; None: UTF-8.
        sheet: of a workbook; None: the first one.
    """

    marks: NumberMarks = AS_IN_JSON
    mapping: TableMapping | None = None
    key_suffix: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def decimal_of(self, column: str) -> str:
        """The mark before the decimals of the numbers in a column."""
        if self.mapping is None:
            return self.marks.decimal
        reading = [source for source in self.mapping.fields.values() if column in columns_of_source(source)]
        told = next((each for each in reading if each.decimal is not None or each.thousands is not None), None)
        return self.mapping.marks_of(told, self.marks).decimal

    def digest(self, content_sha256_hex: str) -> str:
        """Digest of a content read so: what a batch's id is made of. The content's own where nothing was told."""
        told = " ".join(self._told())
        return sha256(f"{content_sha256_hex} {told}".encode()).hexdigest() if told else content_sha256_hex

    def _told(self) -> Iterator[str]:
        """The options that were given; their texts and their order are kept, as they make the ids of batches."""
        if self.marks.are_told:
            yield f"decimal_comma={bool(self.marks.decimal_comma)} thousands={self.marks.thousands}"
        if self.mapping is not None:
            yield f"mapping={self.mapping.sha256_hex}"
        if self.key_suffix is not None:
            yield f"key_suffix={self.key_suffix!r}"
        if self.encoding is not None:
            yield f"encoding={self.encoding}"
        if self.sheet is not None:
            yield f"sheet={self.sheet!r}"


AS_IT_STANDS = Reading()
