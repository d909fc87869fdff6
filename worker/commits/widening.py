"""Whether an edit lets a promise cover usage that it did not cover before: that may have been billed already. Pure."""

from collections.abc import Sequence
from typing import Any

from shared.store.changes import Stored
from shared.wire.normal import Normal
from worker.commits.guards import changed_accesses
from worker.commits.plan import Access, AccessPlan

_PRODUCTS = ("applicable_product_ids", "applicable_product_tags")


def is_widened(stored: Stored, access: AccessPlan, before: Normal, after: Normal) -> bool:
    """Whether a POSTPAID commit covers more after an edit: more hours, contracts or products, or a higher amount.

    Of products this is said in doubt, too: unless the scope was left alone or just lost something.
    """
    if stored.type != "POSTPAID":
        return False
    return (
        any(_is_more_access(item) for item in changed_accesses(access))
        or not _is_within(after.get("applicable_contract_ids"), before.get("applicable_contract_ids"))
        or _has_more_products(before, after)
    )


def _is_more_access(item: Access) -> bool:
    was = item.stored
    assert was, "what changes is there"
    return item.amount > was.amount or item.starting_at < was.starting_at or item.ending_before > was.ending_before


def _has_more_products(before: Normal, after: Normal) -> bool:
    was, now = ([scope.get(name) for name in (*_PRODUCTS, "specifiers")] for scope in (before, after))
    if not any(was):  # everything is covered
        return False
    return not any(now) or any(not _is_within(new or [], old or []) for new, old in zip(now, was, strict=True))


def _is_within(inner: Sequence[Any] | None, outer: Sequence[Any] | None) -> bool:
    """Whether one list is a part of the other, of which None is everything."""
    if outer is None:
        return True
    return inner is not None and all(each in outer for each in inner)
