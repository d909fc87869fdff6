"""The request that would make a commit as it is, or as it is to be: so that an edit meets the rules of creation. Pure.

A rule's problem at an item is told at the place in the edit that asked for it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from trueup.limits import SCHEDULE_ITEMS_MAX
from trueup.store.commits.changes import Stored
from trueup.wire.problems import Problem
from trueup.wire.request.changes import Edit
from trueup.wire.request.rules import judge
from trueup_worker.commit_changes.plan import Access, AccessPlan, InvoicePlan

Body = dict[str, Any]

CLEARED_BY_NULL = (
    "name",
    "description",
    "applicable_product_ids",
    "applicable_product_tags",
    "applicable_contract_ids",
    "specifiers",
)
KEPT_BY_NULL = ("priority", "product_id", "rate_type", "invoice_contract_id")
FIELDS = CLEARED_BY_NULL + KEPT_BY_NULL
"""What an edit changes beside the schedules; each is a column of the same name."""

_ITEM = re.compile(r"(/access_schedule|/invoice_schedule)/schedule_items/([0-9]+)(.*)", re.DOTALL)


def body_of(stored: Stored, access: AccessPlan, invoices: InvoicePlan, change: Mapping[str, Any]) -> Body:
    """The typed body of the commit with these schedules and with the other fields of the change."""
    body: Body = {name: _as_text(getattr(stored, name)) for name in FIELDS}
    body |= {name: change[name] for name in CLEARED_BY_NULL if name in change}
    body |= {name: change[name] for name in KEPT_BY_NULL if change.get(name) is not None}
    body["customer_id"] = str(stored.customer_id)
    body["access_schedule"] = {
        "credit_type_id": str(stored.access_unit_id),
        "access_type": stored.access_type,
        "schedule_items": [item.body for item in judged_accesses(access)],
    }
    if stored.type != "CREDIT":
        body["type"] = stored.type
    if stored.invoice_unit_id is not None:
        body["invoice_schedule"] = {
            "credit_type_id": str(stored.invoice_unit_id),
            "do_not_invoice": stored.do_not_invoice,
            "schedule_items": [item.body for item in invoices.items],
        }
    return body


def problems_of(stored: Stored, body: Body, access: AccessPlan, invoices: InvoicePlan, change: Edit) -> list[Problem]:
    """Problems that the rules of creation have with the commit as it is to be."""
    paths = {
        "/access_schedule": [item.path for item in judged_accesses(access)],
        "/invoice_schedule": [item.path for item in invoices.items],
    }
    problems = _unknown_to_credits(change) if stored.type == "CREDIT" else []
    if change.get("invoice_schedule") and "invoice_schedule" not in body and stored.type != "CREDIT":
        problems.append(Problem("/invoice_schedule", "unknown_field", "is not there for a complimentary commit"))
    for root, items in paths.items():
        if len(items) > SCHEDULE_ITEMS_MAX:
            problems.append(Problem.of("too_many_items", path=root))
    for root, plan in (("/access_schedule", access), ("/invoice_schedule", invoices)):
        if plan.removed and not plan.items:
            problems.append(Problem.of("empty_schedule", path=f"{root}/remove_schedule_items"))
    return problems + [_told_at_its_origin(problem, paths) for problem in judge(body)]


def judged_accesses(plan: AccessPlan) -> list[Access]:
    """Segments that the rules are for; one that was ended before it began stays as it is until it is edited."""
    return [item for item in plan.items if item.path or item.starting_at < item.ending_before]


def _told_at_its_origin(problem: Problem, paths: Mapping[str, Sequence[str]]) -> Problem:
    found = _ITEM.fullmatch(problem.path)
    if found is None:
        return problem
    origin = paths[found[1]][int(found[2])]
    return replace(problem, path=origin + found[3]) if origin else problem


def _unknown_to_credits(change: Edit) -> list[Problem]:
    return [
        Problem.of("unknown_field", path=f"/{name}")
        for name in ("invoice_schedule", "invoice_contract_id")
        if change.get(name) is not None
    ]


def _as_text(value: Any) -> Any:
    """A column as the field of a body has it: ids are text there, numbers stay numbers."""
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return str(value) if isinstance(value, UUID) else value
