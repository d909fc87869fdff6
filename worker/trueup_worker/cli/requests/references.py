"""References of a file's rows, looked up in the catalog of whoever holds the token."""

from collections.abc import Collection, Mapping, Sequence

from trueup.domain.unit import Unit
from trueup.producer.files.mapping.lookup import NOTHING_LOOKED_UP, Lookups, Wanted
from trueup.producer.files.mapping.resolve import resolve
from trueup.store.catalog.units import units_of
from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.problems import Problem
from trueup_worker.cli.requests.verdicts import Judges
from trueup_worker.cli.terminal.context import Session
from trueup_worker.intake.bodies import read_bodies
from trueup_worker.intake.commits.catalog import judge_catalog
from trueup_worker.intake.usage.judge import judge_terms


def judge_with_references(here: Session, *, kind: Kind) -> Judges:
    """Judges of bodies and references; what they look up for a mapping is not kept.

    Raises:
        NotAuthenticated, NotAuthorised: the token may not read.
    """
    account_id = here.caller("read").account_id
    judge_references = judge_terms if kind == "usage" else judge_catalog

    def judge(requests: Sequence[QueuedRequest]) -> dict[str, list[Problem]]:
        with here.engine.connect() as connection:
            judged = judge_references(connection, account_id, read_bodies(requests))
        return {refusal.request.id: refusal.problems for refusal in judged.refusals}

    def look_up(wanted: Collection[Wanted]) -> Lookups:
        if not wanted:
            return NOTHING_LOOKED_UP
        with here.engine.connect() as connection:
            return resolve(connection, account_id, wanted)

    def units() -> Mapping[str, Unit]:
        with here.engine.connect() as connection:
            return units_of(connection, account_id)

    return Judges(judge, look_up, units)
