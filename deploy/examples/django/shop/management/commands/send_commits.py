"""The command `send_commits`."""

from typing import Any

from django.core.management.base import BaseCommand

from shop.commits import producer
from shop.models import Deal


class Command(BaseCommand):
    """Sends what got lost between the deal's transaction and the queue, and notes outcomes; for cron, every minute."""

    help = "Send the requests of deals without an outcome, and note what became of them"

    def handle(self, **_: Any) -> None:
        """Wait up to 30 seconds for outcomes; what has none by then is sent again next time."""
        deals = list(Deal.objects.filter(outcome=""))
        ids = producer().submit_many([deal.request() for deal in deals], ids=[deal.id for deal in deals])
        for deal_id, found in producer().wait(ids, timeout_s=30).items():
            problems = "\n".join(f"{each['path']}: {each['message']}" for each in found.errors)
            Deal.objects.filter(pk=deal_id).update(outcome=found.outcome, problems=problems)
            self.stdout.write(f"{deal_id} {found.outcome} {problems}".rstrip())
