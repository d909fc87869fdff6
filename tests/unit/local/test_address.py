"""Where an embedded gateway listens."""

import socket

from trueup_worker.local.address import HOST_SETTING, PORT_SETTING, GatewayAddress


def test_two_stacks_at_once() -> None:
    """Each gets a port of its own on loopback, and keeps it when it is held no longer."""
    first, second = GatewayAddress({}), GatewayAddress({})
    try:
        ports = [int(each.settings()[PORT_SETTING]) for each in (first, second)]
        assert ports[0] != ports[1]
        first.release()
        assert first.url() == f"http://127.0.0.1:{ports[0]}"
        with socket.create_server(("127.0.0.1", ports[0])):
            assert int(first.settings()[PORT_SETTING]) == ports[0]
    finally:
        first.release()
        second.release()


def test_what_is_named_is_taken() -> None:
    """An address that the environment names is not chosen for it; who listens everywhere is reached on loopback."""
    named = GatewayAddress({HOST_SETTING: "0.0.0.0", PORT_SETTING: "9000"})
    assert named.settings() == {HOST_SETTING: "0.0.0.0", PORT_SETTING: "9000"}
    assert named.url() == "http://127.0.0.1:9000"
    assert GatewayAddress({HOST_SETTING: "::1", PORT_SETTING: "9000"}).url() == "http://[::1]:9000"
