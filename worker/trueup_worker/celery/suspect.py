"""Messages whose workers died before a task began: they go around Celery, straight to what decides suspects."""

from typing import Any

from trueup.limits import DELIVERIES_MAX
from trueup.wire.message.names import TASK_CREATE, TASK_RECORD
from trueup_worker.celery.envelope import decide
from trueup_worker.celery.refusal import Refused
from trueup_worker.intake.commits.pipeline import COMMITS
from trueup_worker.intake.message import is_envelope, message_of
from trueup_worker.intake.pipeline import Pipeline
from trueup_worker.intake.usage.pipeline import USAGE

_PIPELINES: dict[str, Pipeline[Any]] = {TASK_CREATE: COMMITS, TASK_RECORD: USAGE}
_DETAIL = "every worker that took it died before its task began; see the workers' logs"


def is_suspect(deliveries: int) -> bool:
    """Tell whether Celery must not see a message that was taken so often, this time included."""
    return deliveries > DELIVERIES_MAX


def decide_suspect(
    headers: dict[str, Any], arguments: list[Any], *, deliveries: int, is_convicted: bool, worker: str
) -> None:
    """Halve an envelope, or park its only request, as if its task had seen each delivery.

    One that may have been beside the culprit is decided like any other, though around Celery: from here on the
    database counts what its workers die of.

    Args:
        headers: of the message, judged.
        arguments: of its task.
        deliveries: how often it was taken, this time included.
        is_convicted: whether its workers died of it, and not of another message that they held.
        worker: name of this process.

    Raises:
        Refused: it is no envelope; or workers died of this, too.
        TryAgainLater: the database did not let anything be decided.
    """
    pipeline = _PIPELINES.get(headers["task"])
    if pipeline is None or not is_envelope(arguments) or deliveries > 2 * DELIVERIES_MAX:
        raise Refused("kills_worker", _DETAIL)
    message = message_of(headers["task"], arguments, headers, deliveries=deliveries if is_convicted else 1)
    decide(message, pipeline, worker=worker)
