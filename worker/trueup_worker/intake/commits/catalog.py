"""References of commits: customers, contracts, products, units."""

from sqlalchemy import Connection

from trueup.store.catalog.catalog import look_up, register_unknown
from trueup.store.catalog.memory import CatalogMemory
from trueup.wire.request.references import NOTHING_KNOWN, all_known, judge_references, references_of_all
from trueup_worker.intake.bodies import Bodies, Refusal


def judge_catalog(
    connection: Connection,
    account_id: int,
    bodies: Bodies,
    *,
    open_references: bool = False,
    memory: CatalogMemory | None = None,
) -> Bodies:
    """Judge the references of the candidates, all against one look-up, or none where all of them are remembered.

    Args:
        connection: of the envelope's transaction.
        account_id: whose catalog.
        bodies: as they were read.
        open_references: whether what the catalog lacks is registered instead of refused.
        memory: of earlier look-ups.
    """
    remembered = memory.of(account_id) if memory else NOTHING_KNOWN
    if all_known([each.normal for each in bodies.candidates], remembered):
        return bodies
    doubtful = [each for each in bodies.candidates if not all_known([each.normal], remembered)]
    normals = [each.normal for each in doubtful]
    wanted = references_of_all(normals)
    known = look_up(connection, account_id, wanted)
    if memory and not open_references:
        memory.learn(account_id, known)
    if open_references and register_unknown(connection, account_id, normals, known):
        known = look_up(connection, account_id, wanted)
    if all_known(normals, known):
        return bodies
    refused = {each.id: problems for each in doubtful if (problems := judge_references(each.normal, known))}
    candidates = [each for each in bodies.candidates if each.id not in refused]
    refusals = [Refusal(each.request, refused[each.id]) for each in doubtful if each.id in refused]
    return Bodies(candidates, bodies.refusals + refusals)
