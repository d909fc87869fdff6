"""A master, a replica of it, and three sentinels, of which two agree on a failover."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.acceptance.processes import wait_for
from tests.services.redis_servers import start_redis, start_sentinel
from trueup.redis.pools import client
from trueup_worker.local.servers.server import LOOPBACK, Server

PASSWORD = "of-the-masters"


@dataclass
class Sentinels:
    """The servers, by their ports."""

    servers: dict[int, Server]
    sentinels: list[Server]
    folders: dict[int, Path]

    @property
    def url(self) -> str:
        """Where the master is found."""
        hosts = ",".join(f"{LOOPBACK}:{each.port}" for each in self.sentinels)
        return f"sentinel://:{PASSWORD}@{hosts}/main/0"

    @property
    def master(self) -> int:
        """The port of the master that the first sentinel that answers knows."""
        for each in self.sentinels:
            if each.is_running():
                with redis.Redis(LOOPBACK, each.port, socket_timeout=2) as sentinel:
                    return int(sentinel.sentinel_get_master_addr_by_name("main")[1])
        raise AssertionError("no sentinel runs")

    def kill_master(self) -> int:
        """Kills it, and returns the port of the one that took its place."""
        killed = self.master
        self.servers[killed].process.send_signal(signal.SIGKILL)
        self.servers[killed].process.wait()
        wait_for(lambda: self.master != killed, what="a failover")
        wait_for(self._takes_writes, what="the master to take writes")
        return self.master

    def fail_over(self) -> None:
        """Lets the sentinels make the replica the master; the old one lives on."""
        before = self.master
        with redis.Redis(LOOPBACK, self.sentinels[0].port, socket_timeout=5) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", "main")  # type: ignore[no-untyped-call]
        wait_for(lambda: self.master != before, what="a failover")
        wait_for(self._takes_writes, what="the master to take writes")

    def bring_back(self, port: int) -> None:
        """Starts a killed server, which the sentinels make a replica, and waits until it has caught up."""
        self.servers[port] = start_redis(self.folders[port], *_told(), port=port)
        wait_for(self.is_replicated, what="the replica to catch up")

    def is_replicated(self) -> bool:
        """Whether the master has a replica that holds all it holds."""
        with client(self.url, socket_timeout=5) as master:
            said = master.info("replication")
            replicas = [value for name, value in said.items() if name.startswith("slave") and isinstance(value, dict)]
            return any(each["state"] == "online" and each["offset"] >= said["master_repl_offset"] for each in replicas)

    def _takes_writes(self) -> bool:
        with client(self.url, socket_timeout=5) as master:
            try:
                return bool(master.set("trueup:test", 1))
            except redis.RedisError:
                return False


def _told() -> tuple[str, ...]:
    return f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0"


@contextmanager
def sentinels(folder: Path) -> Iterator[Sentinels]:
    """All of them, running and seen by each other."""
    with ExitStack() as stack:
        master = start_redis(folder / "one", *_told())
        replica = start_redis(folder / "two", *_told(), f"replicaof {LOOPBACK} {master.port}")
        watching = [
            start_sentinel(folder / f"sentinel{number}", master=master.port, quorum=2, password=PASSWORD)
            for number in range(3)
        ]
        made = Sentinels(
            {master.port: master, replica.port: replica},
            watching,
            {master.port: folder / "one", replica.port: folder / "two"},
        )
        stack.callback(lambda: [each.stop() for each in (*made.sentinels, *made.servers.values())])
        wait_for(made.is_replicated, what="the replica to catch up")
        wait_for(lambda: all(_sees_all(each) for each in watching), what="the sentinels to see each other")
        yield made


def _sees_all(server: Server) -> bool:
    with redis.Redis(LOOPBACK, server.port, socket_timeout=2) as sentinel:
        state = sentinel.sentinel_masters()["main"]
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)
