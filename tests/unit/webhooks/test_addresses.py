"""Where deliveries may go: public unicast addresses, by our own list, and what the installation adds."""

from ipaddress import ip_address

import pytest

from trueup_worker.webhooks.addresses import AddressPolicy, exceptions_of, is_global_unicast
from trueup_worker.webhooks.url import WrongUrl, target_of


def _each(listed: str) -> list[str]:
    return listed.split()


NOWHERE = _each("""
0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1
239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::8.8.8.8 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:0:53aa:64c::1
2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3ffe::1 3fff::1 5f00::1 4000::1 fc00::1
fd12:3456::1 fe80::1 fec0::1 ff02::1 fd00:ec2::254
""")
SOMEWHERE = _each("""
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.167.255.255 198.17.1.1
198.20.0.1 223.255.255.255 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450::1 2400::1
""")


@pytest.mark.parametrize("address", NOWHERE)
def test_addresses_that_are_nobodys(address: str) -> None:
    """Private, shared, link-local, documentation, multicast, and IPv4 in any dress of IPv6."""
    assert not is_global_unicast(ip_address(address))


@pytest.mark.parametrize("address", SOMEWHERE)
def test_addresses_of_hosts(address: str) -> None:
    """Also those that lie beside a range that is none."""
    assert is_global_unicast(ip_address(address))


def test_exceptions_are_of_a_network_and_a_port() -> None:
    """What the installation allows is allowed there, encrypted, and nowhere else."""
    policy = AddressPolicy(exceptions=exceptions_of("10.1.0.0/16:8443, [fd00::/8]:443,10.9.9.9:1"))
    allowed = [("10.1.255.1", 8443), ("fd00::1", 443), ("10.9.9.9", 1)]
    assert all(policy.allows(ip_address(each), port, is_encrypted=True) for each, port in allowed)
    assert not any(policy.allows(ip_address(each), port + 1, is_encrypted=True) for each, port in allowed)
    assert not any(policy.allows(ip_address(each), port, is_encrypted=False) for each, port in allowed)


@pytest.mark.parametrize("given", ["10.0.0.0/8", "10.0.0.1/8:443", "fd00::/8:443", "a:1", "10.0.0.0/33:1", "1.1.1.1:0"])
def test_what_is_no_exception_is_named(given: str) -> None:
    """With how one looks."""
    with pytest.raises(ValueError, match="is no exception: one looks like"):
        exceptions_of(given)


def test_loopback_is_allowed_by_a_setting() -> None:
    """Then by http, too, which goes nowhere else."""
    policy = AddressPolicy(allows_loopback=True)
    assert policy.allows(ip_address("127.0.0.1"), 80, is_encrypted=False)
    assert policy.allows(ip_address("::1"), 80, is_encrypted=False)
    assert not policy.allows(ip_address("8.8.8.8"), 80, is_encrypted=False)
    assert not policy.allows(ip_address("10.0.0.1"), 443, is_encrypted=True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "must begin with https"),
        ("ftp://example.com/", "must begin with https"),
        ("example.com/hooks", "must begin with https"),
        ("https://user:secret@example.com/", "must not hold a user"),
        ("https://example.com@10.0.0.1/", "must not hold a user"),
        ("https://example.com/#x", "fragment"),
        ("https:///x", "needs a host"),
        ("https://example.com:99999/", "no URL"),
        ("https://example.com:0/", "needs a host"),
        ("https://exa mple.com/", "characters"),
        ("https://example.com\\@10.0.0.1/", "characters"),
        ("https://bücher.example/", "xn--"),
        ("https://[fe80::1%25eth0]/", "needs a host"),
        ("https://2130706433/", "no address"),
        ("https://127.1/", "no address"),
        ("https://0177.0.0.1/", "no address"),
        ("https://127.0.0.1/", "may not go to 127.0.0.1"),
        ("https://[::1]/", "may not go to ::1"),
        ("https://169.254.169.254/latest", "may not go to 169.254.169.254"),
        ("https://localhost/", "this host itself"),
        ("https://example.com/" + "a" * 2_000, "characters: at most"),
    ],
)
def test_urls_that_are_refused(url: str, said: str) -> None:
    """Each with its reason."""
    with pytest.raises(WrongUrl, match=said):
        target_of(url, AddressPolicy())


def test_a_url_taken_apart() -> None:
    """The header `host` has a port where the URL has one; the query is part of what is asked for."""
    target = target_of("https://Example.com:8443/hooks/a%20b?x=1", AddressPolicy())
    assert (target.host, target.port, target.authority) == ("example.com", 8443, "example.com:8443")
    assert target.path == "/hooks/a%20b?x=1"
    assert target_of("https://example.com", AddressPolicy()).path == "/"
