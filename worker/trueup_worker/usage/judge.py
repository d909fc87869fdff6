"""Judges what the lines of an envelope refer to."""

from sqlalchemy import Connection

from trueup.store.usage.line_inserts import look_up_terms, register_unknown_terms
from trueup.wire.request.usage_references import judge_line_references, references_of_lines
from trueup_worker.intake.judge import Judged, Refusal


def judge_terms(connection: Connection, account_id: int, judged: Judged, *, open_references: bool = False) -> Judged:
    """Judges the references of the candidates, all against one look-up.

    Args:
        connection: of the envelope's transaction.
        account_id: whose catalog.
        judged: what `judge_bodies` returned.
        open_references: whether what the catalog lacks is registered instead of refused.
    """
    if not judged.candidates:
        return judged
    lines = [candidate.normal for candidate in judged.candidates]
    wanted = references_of_lines(lines)
    known = look_up_terms(connection, account_id, wanted)
    if open_references and known.lacks(wanted):
        register_unknown_terms(connection, account_id, lines, known)
        known = look_up_terms(connection, account_id, wanted)
    sorted_out = Judged(refusals=list(judged.refusals))
    for candidate in judged.candidates:
        problems = judge_line_references(candidate.normal, known)
        if problems:
            sorted_out.refusals.append(Refusal(candidate.request, problems))
        else:
            sorted_out.candidates.append(candidate)
    return sorted_out
