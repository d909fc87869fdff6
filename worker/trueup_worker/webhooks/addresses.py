"""Addresses that deliveries may go to: globally routable unicast, by a list of our own, and what the installation adds.

Python's `is_global` says of some addresses what its version knew. The list is that of the IANA registries of special
purpose addresses (RFC 6890 and what came after); of IPv6 only 2000::/3 is assigned, so that translations of IPv4
(mapped, NAT64, Teredo, 6to4) are refused as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_RESERVED_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # between providers and their customers
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local: metadata of cloud hosts
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",  # documentation, as 198.51.100 and 203.0.113
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_ASSIGNED_6 = IPv6Network("2000::/3")
_RESERVED_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation, as 3fff
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",
            "3ffe::/16",  # the former test network
            "3fff::/20",
        ),
    )
)
_EXCEPTION = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+(?:/\d+)?)\]|(?P<four>[0-9.]+(?:/\d+)?)):(?P<port>\d{1,5})")


def is_global_unicast(address: Address) -> bool:
    """Tell whether an address belongs to one host on the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _RESERVED_4)
    return address in _ASSIGNED_6 and not any(address in each for each in _RESERVED_6)


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """Addresses that are allowed beside the public ones, at one port."""

    network: IPv4Network | IPv6Network
    port: int


def exceptions_of(given: str) -> tuple[AllowedNetwork, ...]:
    """Exceptions as a setting has them: `10.0.0.0/8:8443,[fd00::/8]:443`; a mask that is left out means one address.

    Raises:
        ValueError: one of them is none; says which, and how one looks.
    """
    return tuple(_exception(each.strip()) for each in given.split(",") if each.strip())


def _exception(given: str) -> AllowedNetwork:
    form = f"{given[:100]!r} is no exception: one looks like 10.1.2.0/24:8443 or [fd00::/8]:443"
    found = _EXCEPTION.fullmatch(given)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError(form)
    try:
        return AllowedNetwork(ip_network(found["six"] or found["four"]), int(found["port"]))
    except ValueError as error:
        raise ValueError(f"{form} ({error})") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Rules of where deliveries may go.

    Attributes:
        exceptions: of the installation, beside public addresses.
        allows_loopback: whether they may go to this host, by http too.
    """

    exceptions: Sequence[AllowedNetwork] = ()
    allows_loopback: bool = False

    def allows(self, address: Address, port: int, *, is_encrypted: bool) -> bool:
        """Tell whether a connection may be made; what is not encrypted stays on this host."""
        if self.allows_loopback and address.is_loopback:
            return True
        if not is_encrypted:
            return False
        return is_global_unicast(address) or any(
            each.port == port and address in each.network for each in self.exceptions
        )


def literal(host: str) -> Address | None:
    """The address that a host of a URL is, without brackets; None: it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
