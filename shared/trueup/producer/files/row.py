"""One row of an input."""

import msgspec

from trueup.wire.message.envelope import FormProblem, Kind, QueuedRequest


class Row(msgspec.Struct, frozen=True, gc=False):
    """A request without an id.

    Attributes:
        number: the line of a JSONL file, the record after the header of a CSV file; from 1.
        kind: commit, credit, or a line of usage.
        idempotency_key: the row's own, or None.
        text: the body's own text; of a raw row, what travels of it.
        raw: the row is no JSON, or too large to travel whole.
        raw_bytes: the size of a row that does not travel whole.
        form: what is wrong with the form of a raw row.
        record: the record of a CSV file as it stands there; empty when it is too large to be held.
        keyless: a commit's body without `uniqueness_key`: an edited copy of the file would create it again.
    """

    number: int
    kind: Kind
    idempotency_key: str | None
    text: str
    raw: bool = False
    raw_bytes: int | None = None
    keyless: bool = False
    form: FormProblem | None = None
    record: bytes | None = None

    def request(self, request_id: str) -> QueuedRequest:
        """Request of this row, under the id that its outcome will have: a UUID in lower case."""
        return QueuedRequest(
            request_id, self.kind, self.idempotency_key, self.text, self.raw, self.raw_bytes, self.form
        )
