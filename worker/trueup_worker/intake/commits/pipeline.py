"""The pipeline of commits and credits."""

from collections.abc import Iterator

from trueup_worker.intake.bodies import Bodies, read_bodies
from trueup_worker.intake.commits.judge import judge
from trueup_worker.intake.commits.persist import persist
from trueup_worker.intake.commits.rounds import rounds
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.parts.weight import require_light
from trueup_worker.intake.pipeline import Pipeline


def read(part: Delivery) -> Iterator[Bodies]:
    """Read a part's bodies, in rounds.

    Raises:
        TooHeavy: they become more rows than one transaction may write, and are no part of such an envelope.
    """
    bodies = read_bodies(part.requests)
    if not part.is_heavy:
        require_light(bodies)
    return rounds(bodies)


COMMITS = Pipeline("commits:write", read, judge, persist)
