"""What the gateway is compared with: a FastAPI route that does one prepared insert itself, and nothing else.

It is served as the gateway is (uvicorn on uvloop and httptools, one process), reads its body with the naive worker's
model, and commits each request durably, in one round trip. It checks no token and no catalog, and stores one row of all
that a commit is made of: `python -m tests.benchmarks.bare_route PORT ACCOUNT_ID`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uuid_utils
import uvicorn
from fastapi import FastAPI
from psycopg import AsyncConnection

from tests.benchmarks.naive import CommitRequest

PATH = "/v1/contracts/customerCommits/create"
CONNECTIONS = 16  # to Postgres

_FIELDS = ("type", "customer_id", "product_id", "name", "priority", "invoice_contract_id", "uniqueness_key")
_INSERT = """
    INSERT INTO commit (account_id, id, type, customer_id, product_id, name, priority, rate_type, access_type,
                        access_unit_id, invoice_contract_id, uniqueness_key, fingerprint, fingerprint_version, attempt,
                        created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'LIST_RATE', 'SPEND', '2714e483-4ff1-48e4-9e25-ac732e8f24f2', %s, %s, '', 1, 1,
            now())
"""


def make_app(account_id: int) -> FastAPI:
    """The application; its commits are this account's."""
    free: asyncio.LifoQueue[AsyncConnection[Any]] = asyncio.LifoQueue()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for _ in range(CONNECTIONS):
                connected = await AsyncConnection.connect(os.environ["TRUEUP_DATABASE_URL"], autocommit=True)
                free.put_nowait(await stack.enter_async_context(connected))
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH)
    async def create(request: CommitRequest) -> dict[str, Any]:
        commit_id = str(uuid_utils.uuid7())
        values = (account_id, commit_id, *(getattr(request, field) for field in _FIELDS))
        connection = await free.get()
        try:
            await connection.execute(_INSERT, values, prepare=True)
        finally:
            free.put_nowait(connection)
        return {"data": {"id": commit_id}}

    return app


def main() -> None:
    """Serves until it is told to stop."""
    port, account_id = map(int, sys.argv[1:])
    uvicorn.run(make_app(account_id), port=port, loop="uvloop", http="httptools", ws="none", access_log=False)


if __name__ == "__main__":
    main()
