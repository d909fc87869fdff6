"""Judges an envelope's bodies, then what they refer to; touches nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from trueup.limits import BODY_BYTES_MAX
from trueup.store.catalog.catalog import look_up, register_unknown
from trueup.store.catalog.memory import CatalogMemory
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.problems import Problem
from trueup.wire.request.fast_path import read_usual
from trueup.wire.request.normal import fingerprint, normalise
from trueup.wire.request.read import read_body
from trueup.wire.request.references import NOTHING_KNOWN, all_known, judge_references, references_of_all


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A request with a valid body: it becomes a commit unless its references or its keys say otherwise.

    Attributes:
        id: of the request, and of its commit.
        key: the uniqueness key.
    """

    request: QueuedRequest
    id: str
    key: str | None
    normal: dict[str, Any]
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request whose body or references are wrong, with every problem."""

    request: QueuedRequest
    problems: list[Problem]


@dataclass(slots=True)
class Judged:
    """An envelope's requests, sorted by what is to become of them; each list in the envelope's order."""

    candidates: list[Candidate] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def judge_bodies(requests: Iterable[QueuedRequest]) -> Judged:
    """Reads and judges every body by itself; pure."""
    judged = Judged()
    for request in requests:
        verdict = _judge_body(request)
        if isinstance(verdict, Candidate):
            judged.candidates.append(verdict)
        else:
            judged.refusals.append(verdict)
    return judged


def judge_catalog(
    connection: Connection,
    account_id: int,
    judged: Judged,
    *,
    open_references: bool = False,
    memory: CatalogMemory | None = None,
) -> Judged:
    """Judges the references of the candidates, all against one look-up, or none where all of them are remembered.

    Args:
        connection: of the envelope's transaction.
        account_id: whose catalog.
        judged: what `judge_bodies` returned.
        open_references: whether what the catalog lacks is registered instead of refused.
        memory: of earlier look-ups.
    """
    remembered = memory.of(account_id) if memory else NOTHING_KNOWN
    if all_known([each.normal for each in judged.candidates], remembered):
        return judged
    doubtful = [each for each in judged.candidates if not all_known([each.normal], remembered)]
    normals = [each.normal for each in doubtful]
    wanted = references_of_all(normals)
    known = look_up(connection, account_id, wanted)
    if memory and not open_references:
        memory.learn(account_id, known)
    if open_references and register_unknown(connection, account_id, normals, known):
        known = look_up(connection, account_id, wanted)
    if all_known(normals, known):
        return judged
    refused = {each.id: problems for each in doubtful if (problems := judge_references(each.normal, known))}
    candidates = [each for each in judged.candidates if each.id not in refused]
    refusals = [Refusal(each.request, refused[each.id]) for each in doubtful if each.id in refused]
    return Judged(candidates, judged.refusals + refusals)


def _judge_body(request: QueuedRequest) -> Candidate | Refusal:
    if request.raw_bytes is not None and request.raw_bytes > BODY_BYTES_MAX:
        return Refusal(request, [Problem.of("body_too_large", path="")])
    normal = read_usual(request.text, request.kind)
    if normal is None:
        body = read_body(request.text, request.kind)
        if isinstance(body, list):
            return Refusal(request, body)
        normal = normalise(body, request.kind)
    return Candidate(request, request.id, normal.get("uniqueness_key"), normal, fingerprint(normal))
