"""Address of an embedded stack's gateway."""

import socket
from collections.abc import Mapping
from contextlib import suppress

from trueup.settings import Settings

HOST_SETTING, PORT_SETTING, SHARE_SETTING = "TRUEUP_HTTP_HOST", "TRUEUP_HTTP_PORT", "TRUEUP_HTTP_SHARE_PORT"
_HOST, _PORT = (Settings.model_fields[name].default for name in ("http_host", "http_port"))
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (who listens on all addresses is reached there)


class GatewayAddress:
    """The address that the environment names, or else one on loopback: the usual port, or a free one if it is taken.

    A port that we choose is held until the gateway listens, so that two stacks that start at once do not get the same:
    our socket is bound and does not listen, and the gateway, which shares the port with it, does.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._host = environ.get(HOST_SETTING) or str(_HOST)
        self._given = environ.get(PORT_SETTING)
        self._chosen: str | None = None
        self._held: socket.socket | None = None

    def settings(self) -> dict[str, str]:
        """Settings of the gateway's address; chooses a port, and holds it, the first time."""
        if self._given:
            return {HOST_SETTING: self._host, PORT_SETTING: self._given}
        if self._chosen is None:
            self._held = _hold(self._host, _PORT) or _hold(self._host, 0)
            assert self._held is not None
            self._chosen = str(self._held.getsockname()[1])
        return {HOST_SETTING: self._host, PORT_SETTING: self._chosen, SHARE_SETTING: "true"}

    def url(self) -> str:
        """URL for callers on this machine."""
        host = _LOOPBACK.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings()[PORT_SETTING]}"

    def release(self) -> None:
        """Hold the port no longer: the gateway has it, or nobody needs it."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


def _hold(host: str, port: int) -> socket.socket | None:
    """A socket that keeps others from the port; None when somebody has it."""
    with suppress(OSError):
        with _bound(host, port, socket.SO_REUSEADDR) as probe:  # fails where anybody listens, or holds it as we do
            port = probe.getsockname()[1]
        return _bound(host, port, socket.SO_REUSEPORT)
    return None


def _bound(host: str, port: int, option: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made
