"""Deals, as this application knows them."""

import uuid
from typing import Any

from django.db import models

PRODUCT_ID = "9dfb369b-ab13-4fae-a276-55daa05f1119"  # "Platform commitment" in Trueup's sample catalog


class Deal(models.Model):
    """A deal that was won: an amount for a year, paid up front; and what became of its commit.

    The request's id is made with the deal, in the same transaction. So the request may be sent any number of times, by
    whoever finds it without an outcome: it is one commit, and the commit has this id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer_id = models.UUIDField()
    contract_id = models.UUIDField()
    year = models.PositiveSmallIntegerField()
    amount = models.DecimalField(max_digits=15, decimal_places=2)  # in cents; SQLite keeps 15 digits
    outcome = models.CharField(max_length=20, blank=True, editable=False)
    problems = models.TextField(blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.amount} for {self.year} ({self.outcome or 'undecided'})"

    def request(self) -> dict[str, Any]:
        """The body of the commit request; decimals stay exact."""
        starting_at, ending_before = f"{self.year}-01-01T00:00:00Z", f"{self.year + 1}-01-01T00:00:00Z"
        access = {"amount": self.amount, "starting_at": starting_at, "ending_before": ending_before}
        return {
            "customer_id": self.customer_id,
            "type": "PREPAID",
            "priority": 10,
            "product_id": PRODUCT_ID,
            "access_schedule": {"schedule_items": [access]},
            "invoice_schedule": {"schedule_items": [{"timestamp": starting_at, "amount": self.amount}]},
            "invoice_contract_id": self.contract_id,
            "uniqueness_key": f"deal {self.id}",
        }
