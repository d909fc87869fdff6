"""The use case: one delivery of an envelope becomes outcomes, or is parked."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from trueup.redis.uniqueness_cache import Reply, UniquenessCache
from trueup_worker.intake.admission.admit import admit
from trueup_worker.intake.closed_batch import refuse_if_closed
from trueup_worker.intake.commits.pipeline import COMMITS
from trueup_worker.intake.decision import Decision
from trueup_worker.intake.delivery import Delivery
from trueup_worker.intake.dismissal import Dismissed, connected
from trueup_worker.intake.message import Message
from trueup_worker.intake.parts.decide import decide_in_parts
from trueup_worker.intake.pipeline import Pipeline
from trueup_worker.intake.progress import Progress
from trueup_worker.intake.services import Services


def receive(
    message: Message,
    services: Services,
    *,
    now: datetime,
    pipeline: Pipeline[Any] = COMMITS,
    progress: Progress | None = None,
) -> Counter[str]:
    """Admit an envelope; read, judge and persist its requests in one transaction; the caller acknowledges then.

    Args:
        message: as delivered.
        services: what the process holds open.
        now: the present, by which the signature's age is judged.
        pipeline: the steps of the message's task.
        progress: is kept up to date, for whoever tells of it.

    Returns:
        How many requests got which verdict; empty for an envelope that was parked whole, halved, or comes again.

    Raises:
        TryAgainLater: the database did not let anything be decided or parked.
    """
    progress = progress or Progress()

    def decide(connection: Connection, part: Delivery) -> list[Decision]:
        late = refuse_if_closed(connection, part)
        if late is not None:
            return late
        decisions: list[Decision] = []
        for bodies in pipeline.read(part):
            judged = pipeline.judge(connection, part, bodies, services)
            progress.end("judge")
            decisions += pipeline.persist(connection, part, judged)
            progress.end("persist")
        return decisions

    try:
        with connected(services.engine) as connection:
            delivery = admit(connection, message, services, scope=pipeline.scope, kind=pipeline.kind, now=now)
            progress.delivery = delivery
            progress.end("admit")
            decisions = decide_in_parts(connection, delivery, services.engine, decide)
            progress.end("persist")
    except Dismissed:
        return Counter()
    _remember_and_announce(delivery, decisions, services.cache)
    progress.end("announce")
    return Counter(decision.verdict for decision in decisions)


def _remember_and_announce(delivery: Delivery, decisions: list[Decision], cache: UniquenessCache) -> None:
    """Note the used keys in Redis and wake whoever waits; both are hints."""
    used = {decision.key: holder for decision in decisions if decision.key and (holder := decision.holder_id)}
    told = Reply(delivery.reply_to, [each.request.id for each in decisions]) if delivery.reply_to else None
    cache.remember(delivery.account_id, used, reply=told)
