"""Producer of this process."""

import atexit
from functools import cache

from django.conf import settings

from shop.models import Deal
from trueup import CommitProducer


@cache
def producer() -> CommitProducer:
    """Made when it is first needed, which is after the server has forked; threads share it."""
    made = CommitProducer(**settings.TRUEUP)
    atexit.register(made.close)
    return made


def submit(deal: Deal) -> None:
    """Send a deal's request: once more is harmless."""
    producer().submit(deal.request(), id=deal.id)
