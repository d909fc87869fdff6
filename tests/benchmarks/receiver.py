"""`python -m tests.benchmarks.receiver`: takes webhooks and costs little; prints its port, then only answers."""

import asyncio
import re
import sys
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class _Receiving(asyncio.Protocol):
    """Answers each request once all of it is there."""

    _got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (length := _whole(self._got)) is not None:
            self._got = self._got[length:]
            self._transport.write(_ANSWER)


def _whole(got: bytes) -> int | None:
    end = got.find(b"\r\n\r\n")
    found = _LENGTH.search(got, 0, end + 2) if end >= 0 else None
    if found is None or len(got) < end + 4 + int(found[1]):
        return None
    return end + 4 + int(found[1])


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Receiving, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
