"""The workers' app with a shorter lease of deliveries and a shorter time-out of attempts: rounds take less time."""

from tests.chaos.lineup import WEBHOOK_LEASE_S, WEBHOOK_SECONDS_MAX
from trueup.store.webhooks import claims
from trueup_worker.celery.app import app
from trueup_worker.webhooks import sender, turn

__all__ = ["app"]

vars(turn).update(WEBHOOK_LEASE_S=WEBHOOK_LEASE_S, WEBHOOK_SECONDS_MAX=WEBHOOK_SECONDS_MAX)
claims.take.__kwdefaults__["lease_s"] = WEBHOOK_LEASE_S
sender.Sender.__init__.__kwdefaults__["seconds_max"] = WEBHOOK_SECONDS_MAX
