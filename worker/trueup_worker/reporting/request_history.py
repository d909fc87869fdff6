"""History of a request: why it was refused, by its own body, and what was done about it since."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.accounts.audit import AuditRecord, audit_of
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.refusal import KeptBody, Later, find_body, find_later, find_refusal
from trueup.store.requests.refused import RefusedRequest
from trueup.wire.outcome import Outcome
from trueup.wire.request.value_at import decoded, value_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PointedError:
    """An error of a request; `value`: what stands in the body at its path, where the body is kept."""

    path: str
    code: str
    message: str
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHistory:
    """A request as it stands, and how it came to that.

    Attributes:
        outcome: as it stands: `created`, though it was refused before.
        refusal: the last one; None where it was never refused.
        errors: of the refusal.
        body: that was refused; None where it is not kept, or no longer.
        since: what is of the same deal, in the order of time.
        acts: of operators, on the request, its batch and what came of it.
    """

    outcome: Outcome
    refusal: RefusedRequest | None = None
    errors: tuple[PointedError, ...] = ()
    body: KeptBody | None = None
    since: tuple[Later, ...] = ()
    acts: tuple[AuditRecord, ...] = ()


def request_history(connection: Connection, account_id: int, request_id: UUID) -> RequestHistory | None:
    """Tell what became of a request, and of its deal; None where it has no outcome (yet)."""
    outcome = read_outcomes(connection, account_id, [request_id]).get(request_id)
    if outcome is None:
        return None
    refusal = find_refusal(connection, account_id, request_id)
    if refusal is None:
        return RequestHistory(outcome=outcome, acts=tuple(audit_of(connection, account_id, [str(request_id)])))
    body = find_body(connection, account_id, request_id)
    document = decoded(body.body) if body else None
    errors = tuple(PointedError(**each, value=value_at(document, each["path"])) for each in refusal.errors)
    salesforce, netsuite = (_text(document, name) for name in ("salesforce_opportunity_id", "netsuite_sales_order_id"))
    since = find_later(connection, account_id, refusal, salesforce=salesforce, netsuite=netsuite)
    subjects = {str(request_id), *(str(each.id) for each in since)}
    if refusal.batch_id:
        subjects.add(str(refusal.batch_id))
    if refusal.existing:
        subjects.add(str(refusal.existing["id"]))
    acts = [each for each in audit_of(connection, account_id, sorted(subjects)) if each.at >= refusal.first_decided_at]
    return RequestHistory(
        outcome=outcome, refusal=refusal, errors=errors, body=body, since=tuple(since), acts=tuple(acts)
    )


def _text(document: Any, name: str) -> str | None:
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) and value and "\0" not in value else None
