"""`python -m worker.scheduling`: any number of these may run at once."""

from functools import partial

from shared.readiness import announce_ready
from shared.settings import settings
from shared.store.engine import engine
from worker.app import app
from worker.scheduling.look import look
from worker.scheduling.loop import run, stop_on_signals


def main() -> None:
    """Runs until it is told to stop."""
    stop_on_signals()
    run(partial(look, engine(), app), interval_s=settings().scheduler_interval_s, on_first_look=announce_ready)


if __name__ == "__main__":
    main()
