"""References of usage lines."""

from sqlalchemy import Connection

from trueup.store.usage.line_inserts import look_up_terms, register_unknown_terms
from trueup.wire.request.usage_references import judge_line_references, references_of_lines
from trueup_worker.intake.bodies import Bodies, Refusal


def judge_terms(connection: Connection, account_id: int, bodies: Bodies, *, open_references: bool = False) -> Bodies:
    """Judge the references of the candidates, all against one look-up.

    Args:
        connection: of the envelope's transaction.
        account_id: whose catalog.
        bodies: as they were read.
        open_references: whether what the catalog lacks is registered instead of refused.
    """
    if not bodies.candidates:
        return bodies
    lines = [candidate.normal for candidate in bodies.candidates]
    wanted = references_of_lines(lines)
    known = look_up_terms(connection, account_id, wanted)
    if open_references and known.lacks(wanted):
        register_unknown_terms(connection, account_id, lines, known)
        known = look_up_terms(connection, account_id, wanted)
    judged = Bodies(refusals=list(bodies.refusals))
    for candidate in bodies.candidates:
        problems = judge_line_references(candidate.normal, known)
        if problems:
            judged.refusals.append(Refusal(candidate.request, problems))
        else:
            judged.candidates.append(candidate)
    return judged
