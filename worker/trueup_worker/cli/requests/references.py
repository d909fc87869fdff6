"""References of a file's rows, looked up in the catalog of whoever holds the token."""

from collections.abc import Sequence

from trueup.wire.message.envelope import Kind, QueuedRequest
from trueup.wire.problems import Problem
from trueup_worker.cli.requests.verdicts import Judge
from trueup_worker.cli.terminal.context import Session
from trueup_worker.intake.bodies import read_bodies
from trueup_worker.intake.commits.catalog import judge_catalog
from trueup_worker.intake.usage.judge import judge_terms


def judge_with_references(here: Session, *, kind: Kind) -> Judge:
    """A judge of bodies and references.

    Raises:
        NotAuthenticated, NotAuthorised: the token may not read.
    """
    account_id = here.caller("read").account_id
    judge_references = judge_terms if kind == "usage" else judge_catalog

    def judge(requests: Sequence[QueuedRequest]) -> dict[str, list[Problem]]:
        with here.engine.connect() as connection:
            judged = judge_references(connection, account_id, read_bodies(requests))
        return {refusal.request.id: refusal.problems for refusal in judged.refusals}

    return judge
