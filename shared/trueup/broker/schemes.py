"""Schemes of the URLs of brokers and caches."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Product = Literal["redis", "sentinel", "rabbitmq"]


class Scheme(NamedTuple):
    """Meaning of a scheme.

    Attributes:
        product: that is reached by it.
        port: where none is named.
        is_encrypted: whether it means TLS.
    """

    product: Product
    port: int
    is_encrypted: bool = False


SCHEMES: Mapping[str, Scheme] = {
    "redis": Scheme("redis", 6379),
    "rediss": Scheme("redis", 6379, is_encrypted=True),
    "sentinel": Scheme("sentinel", 26379),
    "amqp": Scheme("rabbitmq", 5672),
    "amqps": Scheme("rabbitmq", 5671, is_encrypted=True),
}


def takes_password_alone(scheme: str) -> bool:
    """Tell whether a name without a password, before the host, was meant for one: Redis knows no users of that kind."""
    return scheme in SCHEMES and SCHEMES[scheme].product != "rabbitmq"
