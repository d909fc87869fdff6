"""Read: from bodies as they were sent to requests in normal form, or their problems."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.problems import Problem
from trueup.wire.request.fast_path import read_usual
from trueup.wire.request.normal import fingerprint, normalise
from trueup.wire.request.raw import raw_problem
from trueup.wire.request.read import read_body


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
class Bodies:
    """An envelope's requests, apart by what may become of them; each list in the envelope's order."""

    candidates: list[Candidate] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def read_bodies(requests: Iterable[QueuedRequest]) -> Bodies:
    """Read every body by itself; pure."""
    bodies = Bodies()
    for request in requests:
        read = _read(request)
        if isinstance(read, Candidate):
            bodies.candidates.append(read)
        else:
            bodies.refusals.append(read)
    return bodies


def _read(request: QueuedRequest) -> Candidate | Refusal:
    if request.raw and (problem := raw_problem(request)):
        return Refusal(request, [problem])
    normal = read_usual(request.text, request.kind)
    if normal is None:
        body = read_body(request.text, request.kind)
        if isinstance(body, list):
            return Refusal(request, body)
        normal = normalise(body, request.kind)
    return Candidate(request, request.id, normal.get("uniqueness_key"), normal, fingerprint(normal))
