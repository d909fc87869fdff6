"""An upload becomes a batch: every row of it is kept before it is accepted (spec 2.4, 2.6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from shared.ids import row_id_text, row_of
from shared.producer.content import Format, Source, open_source
from shared.producer.ingest import name_batch
from shared.producer.publish import BrokerUnavailable, QueueFull
from shared.producer.row_set import RowSet
from shared.producer.rows import Scan, rows, scan
from shared.settings import Settings
from shared.store.accepted import Kept, accept
from shared.store.batches import Batch, open_batch
from shared.store.engine import transaction
from shared.store.outcomes import created_ids
from shared.wire.envelope import Kind, QueuedRequest
from shared.wire.packing import Pack, pack
from shared.wire.routes import route_of
from worker.gateway.keyring import Sender
from worker.gateway.post import Letter, NotSent, Post

_ENVELOPES_AT_ONCE = 20  # kept in one transaction


@dataclass(frozen=True, slots=True)
class Upload:
    """What came in.

    Attributes:
        path: where its bytes are.
        format: JSONL or CSV; None: its first line tells.
        kind: what a bare body in it is.
        name: what the caller calls the batch; None: the account and the content do.
        new: a batch of its own, whatever was uploaded before.
    """

    path: Path
    format: Format | None
    kind: Kind
    name: str | None
    new: bool


class Uploads:
    """Takes uploads, in several threads."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine, self._lease_s = engine, settings.lease_s
        self._post = Post(settings, engine)

    def take(self, sender: Sender, upload: Upload) -> tuple[Batch, Scan]:
        """Counts the batch in, keeps its envelopes, and sends as many as there is room for.

        Whatever is not sent now, the sweeper sends. The same content again is the same batch: what it created is left
        out, and the rest is judged anew.

        Raises:
            UnreadableInput: it cannot be read; nothing of it was kept.
            BatchDiffers: the name is another batch's; likewise.
            SQLAlchemyError: some of it may be kept; the same upload again continues.
        """
        account_id = sender.caller.account_id
        with open_source(upload.path, format=upload.format) as opened:
            source = Source("upload", opened.path, opened.format)
            scanned = scan(source, kind=upload.kind)
            batch = name_batch(
                source, scanned, account=sender.caller.account, kind=upload.kind, name=upload.name, new=upload.new
            )
            with transaction(self._engine) as connection:
                open_batch(connection, account_id, batch)
                done = RowSet()
                for request_id in created_ids(connection, account_id, batch.id):
                    done.add(row_of(request_id))
            has_room = True
            packs = pack(_requests(source, batch, done))
            while chunk := list(islice(packs, _ENVELOPES_AT_ONCE)):
                has_room = self._take(sender, batch, chunk, has_room=has_room)
        return batch, scanned

    def close(self) -> None:
        """Closes the connection to the broker."""
        self._post.close()

    def _take(self, sender: Sender, batch: Batch, packs: list[Pack], *, has_room: bool) -> bool:
        meta = self._post.meta(sender.caller.account, batch_id=batch.id)
        queue = route_of(batch.kind).bulk
        letters = [Letter(sender, meta, packed.text, queue, len(packed.requests), packed.span) for packed in packs]
        kept = [Kept(each.meta, each.requests, each.queue, each.size, each.span) for each in letters]
        with transaction(self._engine) as connection:
            accept(connection, sender.caller.account_id, kept, lease_s=self._lease_s, due_now=not has_room)
        return has_room and all(self._send(letter) for letter in letters)

    def _send(self, letter: Letter) -> bool:
        try:
            self._post.send(letter)
        except (QueueFull, NotSent, BrokerUnavailable):
            return False
        return True


def _requests(source: Source, batch: Batch, done: RowSet) -> Iterator[QueuedRequest]:
    for row in rows(source, kind=batch.kind):
        if row.number not in done:
            yield row.request(row_id_text(batch.id, row.number))
