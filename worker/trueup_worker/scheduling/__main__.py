"""`python -m trueup_worker.scheduling`: any number of these may run at once."""

import time

from trueup.broker.broker import open_broker
from trueup.producer.publish import Publisher
from trueup.producer.signer import Signer
from trueup.readiness import announce_ready
from trueup.settings import Settings, settings
from trueup.store.accounts.next_looks import look_again
from trueup.store.accounts.tokens import SYSTEM_KEY_ID, system_key
from trueup.store.postgres.engine import engine, transaction
from trueup_worker.events.complete_batches import complete_batches
from trueup_worker.events.relay import relay
from trueup_worker.observability import metrics
from trueup_worker.observability.exposition import serve_metrics
from trueup_worker.scheduling.deliver import call_for_delivery
from trueup_worker.scheduling.gauges import observe_all_accounts
from trueup_worker.scheduling.look import Looks, look, look_for_alerts
from trueup_worker.scheduling.loop import run, stop_on_signals
from trueup_worker.scheduling.measured import measured
from trueup_worker.scheduling.sweep import sweep
from trueup_worker.scheduling.tidy import parked_term_days, tidy
from trueup_worker.startup.logging import take_over
from trueup_worker.startup.secret_key import check_secret_key


def main() -> None:
    """Run until it is told to stop."""
    stopping = stop_on_signals()
    config, looks = settings(), Looks()
    broker = open_broker(config.broker_url)
    take_over(config)
    check_secret_key(config)
    publisher = _publisher(config)

    def complete() -> int:
        complete_batches(engine())
        return 0

    def clean() -> int:
        tidy(
            engine(),
            events_days=config.events_days,
            outcome_body_days=config.outcome_body_days,
            parked_days=parked_term_days(config),
        )
        if looks.seeks_overlooked(time.monotonic()):
            with transaction(engine()) as connection:
                look_again(connection)
        return 0

    def place() -> int:
        for kind, number in relay(engine()).items():
            metrics.events.of(kind).inc(number)
        return 0

    def alert() -> int:
        return look_for_alerts(engine(), broker) if looks.seeks_alerts(time.monotonic()) else 0

    def issue() -> int:
        rows_max = looks.rows_max(time.monotonic())
        return look(engine(), broker, usage_grace_h=config.usage_grace_h, rows_max=rows_max)

    steps = {
        "relay": place,
        "deliver": lambda: call_for_delivery(engine(), broker),
        "alert": alert,
        "issue": issue,
        "sweep": lambda: sweep(engine(), publisher, backlog_max=config.queue_limit // 2),
        "tidy": clean,
        "complete_batches": complete,
    }
    serve_metrics(config, "scheduler", engine=engine())
    observe_all_accounts(config)
    run(
        measured(steps),
        interval_s=config.scheduler_interval_s,
        on_first_look=announce_ready,
        stopping=stopping,
    )


def _publisher(config: Settings) -> Publisher:
    signer = Signer(SYSTEM_KEY_ID, system_key(config.secret_key.get_secret_value()))
    return Publisher(
        config.broker_url, account=SYSTEM_KEY_ID, signer=signer, queue_limit=config.queue_limit, retry_s=2.0
    )


if __name__ == "__main__":
    main()
