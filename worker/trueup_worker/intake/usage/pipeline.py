"""The pipeline of rated usage."""

from sqlalchemy import Connection

from trueup_worker.intake.bodies import Bodies, read_bodies
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.pipeline import Pipeline
from trueup_worker.intake.services import Services
from trueup_worker.intake.usage.judge import judge_terms
from trueup_worker.intake.usage.persist import persist


def read(part: Delivery) -> list[Bodies]:
    """Read a part's bodies, in one round; a line is one row, so that no envelope is too heavy."""
    return [read_bodies(part.requests)]


def judge(connection: Connection, part: Delivery, bodies: Bodies, _: Services) -> Bodies:
    """Judge what the lines refer to; what was stored before is found when they are stored."""
    return judge_terms(connection, part.account_id, bodies, open_references=part.settings.open_references)


USAGE = Pipeline("usage:write", read, judge, persist, kind="usage")
