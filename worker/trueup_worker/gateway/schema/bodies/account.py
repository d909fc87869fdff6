"""Bodies of calls about what is set for an account: parties of invoices, alerts, months of the books."""

from typing import Annotated

from pydantic import Field

from trueup.limits import ALERT_THRESHOLDS_MAX, BODY_BYTES_MAX, PARTY_CHARS_MAX, PAYMENT_DAYS_MAX, SHOWN_FIELDS_MAX
from trueup.wire.values import Number
from trueup_worker.gateway.answers import examples
from trueup_worker.gateway.schema.bodies.body import Body, Flag, Text, example

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="

Line = Annotated[Text, Field(max_length=PARTY_CHARS_MAX)]


class BillingChange(Body):
    """Change of whom a customer's invoices go to: what is given; "" takes it away."""

    model_config = example({"address": examples.ADDRESS, "email": "accounts@example.com"})

    name: Line | None = None
    address: Line | None = None
    tax_id: Line | None = None
    email: Line | None = None


class SellerChange(BillingChange):
    """Change of whom invoices are from: what is given; "" or an empty list takes it away.

    A logo is PNG, JPEG, GIF or WebP in base64; a PNG of at most 256 KiB is made of it.
    """

    model_config = example({"name": examples.SELLER, "payment_terms_days": examples.PAYMENT_DAYS, "logo": _PIXEL})

    payment_terms: Line | None = None
    payment_terms_days: Annotated[int, Field(ge=0, le=PAYMENT_DAYS_MAX, strict=True)] | None = None
    footer: Line | None = None
    custom_fields: Annotated[list[Line], Field(max_length=SHOWN_FIELDS_MAX)] | None = None
    logo: Annotated[str, Field(max_length=BODY_BYTES_MAX)] | None = None


class AlertThresholds(Body):
    """Thresholds in place of those before; none: such alerts are not given."""

    model_config = example({"thresholds": [50, 95]})

    thresholds: Annotated[list[Number], Field(max_length=ALERT_THRESHOLDS_MAX)]


class MonthToClose(Body):
    """A month that is over; with `open_usage` also while usage of it is not closed: that is dated later."""

    model_config = example({"month": "2025-01"})

    month: Annotated[str, Field(max_length=7)]
    open_usage: Flag = False
