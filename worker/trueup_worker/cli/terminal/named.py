"""Records as people name them: by id, number, name or key, where exactly one is called exactly that."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Connection

from trueup.store.accounts.tokens import Caller
from trueup.store.catalog.exact_matches import Kind, Match, exact_matches, ways_of
from trueup_worker.cli.terminal.exits import CommandError
from trueup_worker.cli.terminal.output import say

_PLURALS: Mapping[Kind, str] = {"batch": "batches", "parked": "parked messages"}
_SUBJECTS: tuple[Kind, ...] = ("commit", "invoice", "customer", "contract", "batch")


def id_of(connection: Connection, caller: Caller, named: str, *kinds: Kind, is_to_change: bool = False) -> UUID:
    """The id of the one record that is called this; an id that is not known is left to whoever asks for it.

    Args:
        connection: a transaction.
        caller: whose account it is in.
        named: an id, number, name or key.
        kinds: of which it may be.
        is_to_change: says on stderr which record it is.

    Raises:
        CommandError: there is none, or there are several: they are named.
    """
    found = exact_matches(connection, caller.account_id, kinds, named)
    if found:
        match = _the_one(named, found)
        if is_to_change and match.by != "id":
            say(_told(match))
        return match.id
    try:
        return UUID(named)
    except ValueError:
        raise CommandError(f"account {caller.account} has no {_one_of(kinds)} {named!r}: {_ways(kinds)}") from None


def id_if_named(connection: Connection, caller: Caller, named: str | None, kind: Kind) -> UUID | None:
    """As `id_of`; None where nothing is named."""
    return None if named is None else id_of(connection, caller, named, kind)


def subject_named(connection: Connection, caller: Caller, named: str) -> str:
    """The subject of audit rows that is called this; what nothing is called is taken as it stands."""
    found = exact_matches(connection, caller.account_id, _SUBJECTS, named)
    return str(_the_one(named, found).id) if found else named


def customer_named(connection: Connection, caller: Caller, named: str) -> str:
    """Customer as bodies name them: by id, as the catalog has it; what nobody is called is taken as it stands."""
    found = exact_matches(connection, caller.account_id, ["customer"], named)
    return str(_the_one(named, found).id) if found else named.lower()


def _the_one(named: str, found: list[Match]) -> Match:
    if len(found) > 1:
        listed = "".join(f"\n  {each.kind} {each.id}, by its {each.by}: {each.label}" for each in found)
        raise CommandError(f"{named!r} names several: give the id of one{listed}")
    return found[0]


def _told(match: Match) -> str:
    return f"{match.kind} {match.label} is {match.id}"


def _one_of(kinds: Iterable[Kind]) -> str:
    return " or ".join(kinds)


def _ways(kinds: Iterable[Kind]) -> str:
    return (
        "; ".join(f"{_PLURALS.get(kind, f'{kind}s')} are named by {' or '.join(ways_of(kind))}" for kind in kinds)
        + ", exactly"
    )
