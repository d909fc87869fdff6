"""From the normal form of a request to the rows it becomes: the only place where wire names meet column names."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from trueup.domain.month import month_of
from trueup.ids import new_id_text
from trueup.wire.request.normal import charges
from trueup_worker.intake.bodies import Candidate

Row = dict[str, Any]

_NO_INVOICES: Row = {"do_not_invoice": False}


def commit_rows(candidates: Iterable[Candidate]) -> list[Row]:
    """The commits' own rows: most of the normal form's names are the columns'."""
    rows = []
    for candidate in candidates:
        row = candidate.normal.copy()
        access, invoicing = row.pop("access_schedule"), row.pop("invoice_schedule", _NO_INVOICES)
        row["id"] = candidate.id
        row["access_type"] = access["access_type"]
        row["access_unit_id"] = access["credit_type_id"]
        row["invoice_unit_id"] = invoicing.get("credit_type_id")
        row["do_not_invoice"] = invoicing["do_not_invoice"]
        if "recurring_schedule" in invoicing:
            row["recurring_schedule"] = invoicing["recurring_schedule"]
        row["fingerprint"] = "\\x" + candidate.fingerprint.hex()
        rows.append(row)
    return rows


def segment_rows(candidates: Iterable[Candidate]) -> list[Row]:
    """One row for each access item, in the requests' order."""
    return [
        {**item, "commit_id": candidate.id, "position": position}
        for candidate in candidates
        for position, item in enumerate(candidate.normal["access_schedule"]["schedule_items"])
    ]


def obligation_rows(candidates: Iterable[Candidate], *, usage_grace_h: int) -> list[Row]:
    """One row for each invoice that a schedule asks for; recurring schedules are expanded.

    A true-up is not due before the month in which access ends is closed, as usage may draw the commit down until then.
    """
    rows: list[Row] = []
    for candidate in candidates:
        normal = candidate.normal
        if "invoice_schedule" not in normal:
            continue
        shared: Row = {"commit_id": candidate.id, "kind": "SCHEDULED"}
        if normal["type"] == "POSTPAID":
            shared["kind"] = "TRUE_UP"
            access = normal["access_schedule"]["schedule_items"][0]
            shared["closes_at"] = _closes_at(access["ending_before"], usage_grace_h)
        if normal["invoice_schedule"]["do_not_invoice"]:
            shared["suppressed_by"] = "do_not_invoice"
        for position, charge in enumerate(charges(normal)):
            rows.append({**charge, **shared, "id": new_id_text(), "position": position})
    return rows


@lru_cache(1024)
def _closes_at(ending_before: str, usage_grace_h: int) -> str:
    """Find when the month is closed that holds the last hour of an access window."""
    last_hour = datetime.fromisoformat(ending_before) - timedelta(hours=1)
    return (month_of(last_hour).ending_before + timedelta(hours=usage_grace_h)).isoformat()
