"""`python -m worker.scheduling`: any number of these may run at once."""

import time

from shared.producer.publish import Publisher, Signer
from shared.readiness import announce_ready
from shared.settings import Settings, settings
from shared.store.engine import engine
from shared.store.tokens import SYSTEM_KEY_ID, system_key
from worker.app import app
from worker.logging import take_over
from worker.scheduling.look import Looks, look
from worker.scheduling.loop import run, stop_on_signals
from worker.scheduling.sweep import sweep
from worker.scheduling.tidy import tidy
from worker.secret_key import check_secret_key


def main() -> None:
    """Runs until it is told to stop."""
    stopping = stop_on_signals()
    config, looks = settings(), Looks()
    take_over(config)
    check_secret_key(config)
    publisher = _publisher(config)

    def look_and_sweep() -> int:
        tidy(engine())
        rows_max = looks.rows_max(time.monotonic())
        sent = look(engine(), app, usage_grace_h=config.usage_grace_h, rows_max=rows_max)
        return sent + sweep(engine(), publisher, backlog_max=config.queue_limit // 2)

    run(
        look_and_sweep,
        interval_s=config.scheduler_interval_s,
        on_first_look=announce_ready,
        stopping=stopping,
    )


def _publisher(config: Settings) -> Publisher:
    signer = Signer(SYSTEM_KEY_ID, system_key(config.secret_key.get_secret_value()))
    return Publisher(
        str(config.broker_url), account=SYSTEM_KEY_ID, signer=signer, queue_limit=config.queue_limit, retry_s=2.0
    )


if __name__ == "__main__":
    main()
