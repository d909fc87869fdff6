"""Objects that events are about, as the API tells each of them by its id: what a webhook brings.

The balance of a commit or credit costs a burn-down where its customer has open usage, once for all that are read.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import starmap
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.commits.pages import commit_records
from trueup.store.requests.batch_results import ResultsPage, find_batch
from trueup.store.requests.outcomes import count_outcomes, read_outcomes
from trueup.store.webhooks.endpoints import list_endpoints
from trueup.wire.events import SubjectType
from trueup_worker.gateway.answers.commits import Commit
from trueup_worker.gateway.answers.invoices import Invoice
from trueup_worker.gateway.answers.requests import BatchAnswer, RequestOutcome
from trueup_worker.gateway.answers.webhooks import Webhook
from trueup_worker.gateway.http.answer import Answer, encode
from trueup_worker.reporting.customer_invoices import find_invoices
from trueup_worker.reporting.usable import UsableCommits


def read_objects(
    connection: Connection, account_id: int, kind: SubjectType, ids: Collection[UUID]
) -> Mapping[UUID, bytes]:
    """Each as JSON, by its id; what is not there, or is told by no call, is left out.

    Args:
        connection: a snapshot, so that ledger and usage are of one moment.
        account_id: whose.
        kind: all of them are of this kind.
        ids: theirs.
    """
    return {UUID(str(each.id)): encode(each) for each in _read(connection, account_id, kind, ids)}  # type: ignore[attr-defined]


def _read(connection: Connection, account_id: int, kind: SubjectType, ids: Collection[UUID]) -> Iterable[Answer]:
    match kind:
        case "commit" | "credit":
            found = commit_records(connection, account_id, ids)
            return map(Commit.of, UsableCommits(connection, account_id).with_balances(found))
        case "invoice":
            return starmap(Invoice.of, find_invoices(connection, account_id, ids))
        case "request":
            return map(RequestOutcome.of, read_outcomes(connection, account_id, ids).values())
        case "batch":
            return _batches(connection, account_id, ids)
        case "webhook":
            return [Webhook.of(each) for each in list_endpoints(connection, account_id) if each.id in ids]
        case "usage_line":
            return ()


def _batches(connection: Connection, account_id: int, ids: Collection[UUID]) -> Iterable[Answer]:
    for each in ids:
        batch = find_batch(connection, account_id, each)
        if batch is not None:
            counts = count_outcomes(connection, account_id, each)
            yield BatchAnswer.of(batch, counts, ResultsPage([], None)).data
