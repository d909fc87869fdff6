"""Debian's Redis, one program under several names: a server by TLS, masters, replicas and sentinels."""

import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import redis

from trueup_worker.local.files.logs import LogFile
from trueup_worker.local.servers.server import LOOPBACK, NotYetError, Server, free_port, spawn, start_server

PROGRAM = "/usr/bin/redis-sentinel"
_SETTINGS = "save ''", "appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", f"bind {LOOPBACK}"


def start_redis(folder: Path, *settings: str, port: int | None = None) -> Server:
    """A Redis on a free port, or on that one, with more settings."""
    return _start("redis-server", folder, (*_SETTINGS, *settings), port)


def start_tls_redis(folder: Path, cert: Path, key: Path, authority: Path) -> Server:
    """A Redis that speaks TLS only."""
    folder.mkdir(parents=True, exist_ok=True)
    tls = f"tls-cert-file {cert}", f"tls-key-file {key}", f"tls-ca-cert-file {authority}", "tls-auth-clients no"
    port = free_port()
    options = "\n".join([*_SETTINGS, *tls, "port 0", f"tls-port {port}", ""])
    return _launched("redis-server", folder, options, port, _probe_tls)


def start_sentinel(folder: Path, *, master: int, quorum: int, password: str = "") -> Server:
    """A sentinel that watches the master `main` on a port, and finds it down after a second."""
    lines = [
        f"bind {LOOPBACK}",
        f"sentinel monitor main {LOOPBACK} {master} {quorum}",
        "sentinel down-after-milliseconds main 1000",
        "sentinel failover-timeout main 5000",
        "sentinel parallel-syncs main 1",
    ]
    if password:
        lines.append(f"sentinel auth-pass main {password}")
    return _start("redis-sentinel", folder, lines, None)


def _start(name: str, folder: Path, settings: Iterable[str], port: int | None) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    return _launched(name, folder, "\n".join([*settings, f"port {port}", ""]), port, _probe)


def _launched(name: str, folder: Path, options: str, port: int, probe: Callable[[Server], None]) -> Server:
    log, file = LogFile(folder / f"{name}.log"), folder / f"{name}.conf"
    file.write_text(f"dir {folder}\n{options}")

    def launch(chosen: int) -> Server:
        # The program is told by the name it is called by.
        process = spawn([name, str(file)], log=log, cwd=folder, executable=PROGRAM)
        return Server(name, f"redis://{LOOPBACK}:{chosen}/0", chosen, log, process, signal.SIGTERM)

    return start_server(launch, probe, port=port)


def _probe(server: Server) -> None:
    _ask(redis.Redis(LOOPBACK, server.port, socket_timeout=2))


def _probe_tls(server: Server) -> None:
    _ask(redis.Redis(LOOPBACK, server.port, ssl=True, ssl_cert_reqs="none", ssl_check_hostname=False, socket_timeout=2))


def _ask(client: redis.Redis) -> None:
    with client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return
        except redis.RedisError as error:
            raise NotYetError(str(error)) from error
