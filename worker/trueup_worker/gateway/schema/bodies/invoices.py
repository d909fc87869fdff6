"""Bodies of calls that change invoices."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.schema.bodies.body import Body, Text, example
from trueup_worker.invoicing.mark import Mark

_INVOICE = str(examples.INVOICE)


class InvoiceToVoid(Body):
    """Which invoice is taken back, and why."""

    model_config = example({"id": _INVOICE})

    id: UUID
    reason: Annotated[Text, Field(min_length=1)] | None = None


class InvoiceToRegenerate(Body):
    """Which void invoice is made anew."""

    model_config = example({"id": _INVOICE})

    id: UUID


class InvoiceToMark(Body):
    """Which finalized invoice was paid, or is in other books."""

    model_config = example({"id": _INVOICE, "mark": "paid"})

    id: UUID
    mark: Mark


class InvoiceToUnmark(InvoiceToMark):
    """Which mark of an invoice is taken back, and why."""

    model_config = example({"id": _INVOICE, "mark": "paid", "reason": "The payment bounced"})

    reason: Annotated[Text, Field(min_length=1)]
