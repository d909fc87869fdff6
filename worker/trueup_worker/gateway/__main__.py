"""`python -m trueup_worker.gateway`: serves HTTP until it is told to stop."""

import gc

from trueup.settings import settings
from trueup_worker.gateway.server import serve
from trueup_worker.startup.logging import take_over
from trueup_worker.startup.secret_key import check_secret_key


def main() -> None:
    """Run until it is told to stop."""
    config = settings()
    take_over(config)
    check_secret_key(config, tries_max=1)
    gc.collect()
    gc.freeze()  # what was imported stays, so the collector need not look at it again
    serve(config)


if __name__ == "__main__":
    main()
