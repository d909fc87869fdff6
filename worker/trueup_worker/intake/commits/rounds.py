"""Rounds of one transaction: an id or idempotency key that stands twice is decided later, like a redelivery."""

from collections.abc import Iterator

from trueup_worker.intake.bodies import Bodies


def rounds(bodies: Bodies) -> Iterator[Bodies]:
    """Bodies in which no id and no idempotency key stands twice; together, all of them."""
    while bodies.candidates or bodies.refusals:
        now, bodies = _first_of_each(bodies)
        yield now


def _first_of_each(bodies: Bodies) -> tuple[Bodies, Bodies]:
    """Split off what must wait for a later round."""
    if _is_of_firsts_only(bodies):
        return bodies, Bodies()
    now, later = Bodies(), Bodies()
    ids: set[str] = set()
    keys: set[str] = set()
    for candidate in bodies.candidates:
        key = candidate.request.idempotency_key
        waits = candidate.id in ids or (key is not None and key in keys)
        (later if waits else now).candidates.append(candidate)
        ids.add(candidate.id)
        if key is not None:
            keys.add(key)
    for refusal in bodies.refusals:
        (later if refusal.request.id in ids else now).refusals.append(refusal)
        ids.add(refusal.request.id)
    return now, later


def _is_of_firsts_only(bodies: Bodies) -> bool:
    requests = [each.request for each in bodies.candidates] + [each.request for each in bodies.refusals]
    keyed = any(request.idempotency_key is not None for request in requests)
    return not keyed and len({request.id for request in requests}) == len(requests)
