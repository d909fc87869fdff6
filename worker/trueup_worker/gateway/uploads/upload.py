"""An upload becomes a batch: every row of it is kept before it is accepted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from trueup.ids import row_id_texts, row_of
from trueup.producer.files.key_suffix import with_suffix
from trueup.producer.files.mapping.lookup import Lookups
from trueup.producer.files.mapping.problems import WrongMapping
from trueup.producer.files.mapping.read import parse_mapping
from trueup.producer.files.mapping.resolve import lookups_of_batch
from trueup.producer.files.opening.content import Format, Source, UnreadableInput, open_source
from trueup.producer.files.reading import AS_IT_STANDS, Reading
from trueup.producer.files.row_set import RowSet
from trueup.producer.files.rows import Scan, rows, scan
from trueup.producer.ingest import name_batch
from trueup.producer.publish import BrokerUnavailable, QueueFull
from trueup.settings import Settings
from trueup.store.postgres.engine import statements, transaction
from trueup.store.postgres.errors import primary_message
from trueup.store.requests.batches import Batch, open_batch, receive_rows
from trueup.store.requests.kept_envelopes import accept
from trueup.store.requests.outcomes import created_ids
from trueup.store.requests.standing_outcomes import read_instant
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.message.packing import Pack, pack
from trueup.wire.message.queues import route_of
from trueup_worker.gateway.callers.authentication import Principal
from trueup_worker.gateway.enqueue.sender import NotSent, Sender, SignedEnvelope
from trueup_worker.gateway.uploads.progress import UploadProgress
from trueup_worker.gateway.uploads.spool import Spooled

log = structlog.get_logger()

_ENVELOPES_AT_ONCE = 20  # kept in one transaction


@dataclass(frozen=True, slots=True)
class Upload:
    """Upload as it came in.

    Attributes:
        file: its bytes; closed by whoever takes it.
        format: JSONL or CSV; None: its first line tells.
        kind: what a bare body in it is.
        name: what the caller calls the batch; None: the account and the content do.
        new: a batch of its own, whatever was uploaded before.
        reading: how it is read, but for the mapping.
        mapping: text of the mapping; None: there is none.
        anew: rows that were refused by now are judged anew; not for a client's own retry, which nobody has decided on.
    """

    file: Spooled
    format: Format | None
    kind: Kind
    name: str | None
    new: bool
    reading: Reading = AS_IT_STANDS
    mapping: bytes | None = None
    anew: bool = True


@dataclass(frozen=True, slots=True)
class TakenUpload:
    """Upload that is kept.

    Attributes:
        batch: that it became.
        keyless_rows: those that make a commit and have no uniqueness key.
        warnings: what was told of its rows before any was kept, as the command tells it before it sends.
    """

    batch: Batch
    keyless_rows: int
    warnings: list[str]


class Uploads:
    """Takes uploads, in several threads."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine, self._lease_s = engine, settings.lease_s
        self._sender = Sender(settings, engine)

    def take(self, principal: Principal, upload: Upload, progress: UploadProgress) -> TakenUpload:
        """Keep the envelopes of an upload, each with its rows counted in, and send as many as there is room for.

        Whatever is not sent now, the sweeper sends. The same content again is the same batch: what it created is left
        out, and the rest is judged anew.

        Raises:
            WrongMapping: the mapping "is", or "has", what is said; nothing of it was kept.
            UnreadableInput: likewise the body that it came in; `UnfitMapping`: the mapping.
            BatchDiffers: the name is another batch's; likewise.
            Refusal: 503 with the batch's id: part of it may be kept.
            SQLAlchemyError: nothing of it was kept.
        """
        progress.has_begun = True
        with _opened(upload) as source:
            warnings: list[str] = []
            scanned = scan(source, kind=upload.kind, warn=warnings.append)
            batch = name_batch(
                source, scanned, account=principal.caller.account, kind=upload.kind, name=upload.name, new=upload.new
            )
            progress.batch_id = batch.id
            try:
                anew_before = self._instant(principal, progress) if upload.anew else None
                self._keep(principal, source, batch, scanned, progress, anew_before=anew_before)
            except SQLAlchemyError as error:
                if not progress.may_be_kept:
                    raise
                log.warning("batch perhaps not kept", action="batch_in_doubt", error=primary_message(error))
                raise progress.in_doubt() from error
        return TakenUpload(batch, scanned.keyless_rows, warnings)

    def close(self) -> None:
        """Close the connection to the broker."""
        self._sender.close()

    def _instant(self, principal: Principal, progress: UploadProgress) -> datetime:
        with progress.asking(), self._engine.connect() as connection, statements(connection):
            return read_instant(connection, principal.caller.account_id)

    def _keep(
        self,
        principal: Principal,
        source: Source,
        batch: Batch,
        scanned: Scan,
        progress: UploadProgress,
        *,
        anew_before: datetime | None,
    ) -> None:
        unsent = _Unsent(source, batch, *self._open(principal, batch, scanned, progress))
        has_room = True
        packs = pack(unsent.requests())
        while chunk := list(islice(packs, _ENVELOPES_AT_ONCE)):
            received = unsent.count_until(chunk[-1])
            meta = self._sender.meta(principal.caller.account, batch_id=batch.id, anew_before=anew_before)
            envelopes = [SignedEnvelope(principal, meta, packed, route_of(batch.kind).bulk) for packed in chunk]
            has_room = self._take(envelopes, batch, progress, received=received, has_room=has_room)

    def _open(
        self, principal: Principal, batch: Batch, scanned: Scan, progress: UploadProgress
    ) -> tuple[RowSet, Lookups]:
        """Open the batch, without a row; the rows that made something already, and what it asks the catalog for."""
        account_id, done = principal.caller.account_id, RowSet()
        with progress.asking(), transaction(self._engine) as connection:
            open_batch(connection, account_id, batch, received=0)
            lookups = lookups_of_batch(connection, account_id, batch.id, scanned.wanted)
            for request_id in created_ids(connection, account_id, batch.id):
                done.add(row_of(request_id))
                progress.heard()
        return done, lookups

    def _take(
        self, envelopes: list[SignedEnvelope], batch: Batch, progress: UploadProgress, *, received: int, has_room: bool
    ) -> bool:
        account_id = envelopes[0].principal.caller.account_id
        kept = [each.kept for each in envelopes]
        with progress.asking(), transaction(self._engine) as connection:
            accept(connection, account_id, kept, lease_s=self._lease_s, due_now=not has_room)
            receive_rows(connection, account_id, batch.id, received)
            progress.commit()
        return has_room and all(self._send(envelope) for envelope in envelopes)

    def _send(self, envelope: SignedEnvelope) -> bool:
        try:
            self._sender.send(envelope)
        except (QueueFull, NotSent, BrokerUnavailable):
            return False
        return True


class _Unsent:
    """The requests of a batch that created nothing yet, and how many rows there are up to each of them."""

    def __init__(self, source: Source, batch: Batch, done: RowSet, lookups: Lookups) -> None:
        self._source, self._batch, self._done, self._lookups = source, batch, done, lookups
        self._counts: dict[str, int] = {}

    def requests(self) -> Iterator[QueuedRequest]:
        """In the order of the rows."""
        id_of, suffix = row_id_texts(self._batch.id), self._source.reading.key_suffix
        for count, row in enumerate(rows(self._source, kind=self._batch.kind, lookups=self._lookups), start=1):
            if row.number not in self._done:
                request_id = id_of(row.number)
                self._counts[request_id] = count
                request = row.request(request_id)
                yield request if suffix is None else with_suffix(request, suffix)

    def count_until(self, packed: Pack) -> int:
        """Count the rows up to the last one in here, which is asked once, and in order."""
        last = packed.requests[-1].id
        count = self._counts[last]
        self._counts = {each: later for each, later in self._counts.items() if later > count}
        return count


@contextmanager
def _opened(upload: Upload) -> Iterator[Source]:
    with upload.file as file:
        path = Path(f"/dev/fd/{file.fileno()}")
        try:
            with open_source(path, format=upload.format, reading=_reading(upload)) as opened:
                yield replace(opened, name="upload")
        except UnreadableInput as error:
            said = str(error).removeprefix(str(path)).removeprefix("upload").removeprefix(": the mapping")
            if said.startswith((":", ",")):
                said = f"cannot be read: {said.lstrip(':, ')}"
            raise type(error)(said.lstrip()) from None


def _reading(upload: Upload) -> Reading:
    if upload.mapping is None:
        return upload.reading
    try:
        return replace(upload.reading, mapping=parse_mapping(upload.mapping, name="mapping"))
    except WrongMapping as error:
        raise WrongMapping(str(error).removeprefix("mapping ")) from None
