"""Settings of webhooks, as values."""

from trueup.settings import Settings, SettingsError
from trueup_worker.webhooks.addresses import AddressPolicy, exceptions_of


def policy_of(config: Settings) -> AddressPolicy:
    """Rules of where deliveries may go.

    Raises:
        SettingsError: an exception is none.
    """
    try:
        exceptions = exceptions_of(config.webhook_allow)
    except ValueError as error:
        raise SettingsError(f"TRUEUP_WEBHOOK_ALLOW: {error}") from None
    return AddressPolicy(exceptions=exceptions, allows_loopback=config.webhook_loopback)
