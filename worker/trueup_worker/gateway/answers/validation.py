"""Judgement of a create that is not made."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from trueup.wire.problems import Problem, error_body, outcome_of
from trueup_worker.gateway.answers.requests import ExistingWithContent
from trueup_worker.gateway.http.answer import Amount, Answer, Instant
from trueup_worker.gateway.http.error import FieldError


class FutureInvoice(Answer):
    """An invoice that the commit would make.

    Attributes:
        suppressed_by: why it would not be issued.
    """

    kind: Literal["SCHEDULED", "TRUE_UP"]
    timestamp: Instant
    quantity: Amount
    unit_price: Amount
    amount: Amount
    suppressed_by: str | None = None

    @classmethod
    def of(cls, obligation: Mapping[str, Any]) -> Self:
        """Judgement of a request that is right: whether its key is another's, and which invoices it would make."""
        return cls(
            kind=obligation["kind"],
            timestamp=obligation["timestamp"],
            quantity=Amount(str(obligation["quantity"])),
            unit_price=Amount(str(obligation["unit_price"])),
            amount=Amount(str(obligation["amount"])),
            suppressed_by=obligation.get("suppressed_by"),
        )


class Judgement(Answer):
    """Answer that a create would get, as things stand.

    Attributes:
        errors: what is wrong with it, up to a hundred problems.
        existing: what has its uniqueness key.
        more: how many problems there are beyond these.
        message: what is wrong with it, in words.
    """

    outcome: Literal["valid", "duplicate", "invalid", "not_found"]
    errors: list[FieldError]
    existing: ExistingWithContent | None
    invoices: list[FutureInvoice]
    more: int = 0
    message: str | None = None
    code: Literal["invalid_request", "not_found"] | None = None

    @classmethod
    def refused(cls, problems: Sequence[Problem]) -> Self:
        """Judgement of a request that is wrong."""
        told = error_body(problems)
        errors = [FieldError(**each) for each in told.pop("errors")]
        return cls(outcome=outcome_of(problems), errors=errors, existing=None, invoices=[], **told)

    @classmethod
    def of(cls, *, existing: Mapping[str, Any] | None, obligations: Iterable[Mapping[str, Any]]) -> Self:
        """Judgement of a request that is right: whether its key is another's, and which invoices it would make."""
        return cls(
            outcome="valid" if existing is None else "duplicate",
            errors=[],
            existing=None if existing is None else ExistingWithContent(**existing),
            invoices=[FutureInvoice.of(each) for each in obligations],
        )


class Validated(Answer):
    """A judgement."""

    data: Judgement

    @classmethod
    def example(cls) -> Self:
        """A complimentary commit: nothing is wrong with it, and nothing would be billed."""
        return cls(data=Judgement(outcome="valid", errors=[], existing=None, invoices=[]))
