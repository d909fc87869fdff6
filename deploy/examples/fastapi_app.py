"""A FastAPI application whose deals become commits in Trueup.

TRUEUP_BROKER_URL=redis://… TRUEUP_DATABASE_URL=postgresql://… TRUEUP_TOKEN=tu_… uvicorn fastapi_app:app
"""
# ruff: noqa: INP001

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from trueup import AsyncCommitProducer, InvalidRequest, Unavailable

PRODUCT_ID = "9dfb369b-ab13-4fae-a276-55daa05f1119"  # "Platform commitment" in Trueup's sample catalog


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, AsyncCommitProducer]]:
    """One producer for all calls, closed when the application stops."""
    async with AsyncCommitProducer(
        broker_url=os.environ["TRUEUP_BROKER_URL"],
        database_url=os.environ["TRUEUP_DATABASE_URL"],  # requests are kept here, and have their outcomes here
        redis_url=os.environ.get("TRUEUP_REDIS_URL"),  # a hint when there is one, so that wait() returns at once
        token=os.environ["TRUEUP_TOKEN"],
        account=os.environ.get("TRUEUP_ACCOUNT", "default"),
        room_wait_s=2,  # a caller does not wait long for a broker: 503, and the same call again
        retry_s=2,
    ) as producer:
        yield {"producer": producer}


app = FastAPI(lifespan=lifespan)


def producer_of(request: Request) -> AsyncCommitProducer:
    """The application's producer."""
    producer: AsyncCommitProducer = request.state.producer
    return producer


Producer = Annotated[AsyncCommitProducer, Depends(producer_of)]


class Deal(BaseModel):
    """An amount for a year, paid up front."""

    customer_id: UUID
    contract_id: UUID
    year: Annotated[int, Field(ge=1970, lt=9998)]
    amount: Decimal  # in cents; as text it stays exact

    def request(self) -> dict[str, Any]:
        """The body of the commit request."""
        starting_at, ending_before = f"{self.year}-01-01T00:00:00Z", f"{self.year + 1}-01-01T00:00:00Z"
        access = {"amount": self.amount, "starting_at": starting_at, "ending_before": ending_before}
        return {
            "customer_id": self.customer_id,
            "type": "PREPAID",
            "priority": 10,
            "product_id": PRODUCT_ID,
            "access_schedule": {"schedule_items": [access]},
            "invoice_schedule": {"schedule_items": [{"timestamp": starting_at, "amount": self.amount}]},
            "invoice_contract_id": self.contract_id,
        }


@app.put("/deals/{deal_id}", status_code=202)
async def win(deal_id: UUID, deal: Deal, producer: Producer) -> dict[str, Any]:
    """Send a deal's request under the deal's id, which will be its commit's: the same call again is harmless."""
    await producer.submit(deal.request(), id=deal_id)
    outcomes = await producer.wait([deal_id], timeout_s=5)
    return {"id": deal_id, "outcome": outcomes[deal_id].outcome if outcomes else None}


@app.get("/deals/{deal_id}")
async def show(deal_id: UUID, producer: Producer) -> dict[str, Any]:
    """Tell what became of it."""
    found = await producer.outcome(deal_id)
    return {"id": deal_id, "outcome": found and found.outcome, "problems": found.errors if found else ()}


@app.exception_handler(InvalidRequest)
async def refuse(_: Request, error: Exception) -> JSONResponse:
    """Refuse a request that breaks the rules; nothing was sent."""
    return JSONResponse({"message": str(error)}, status_code=422)


@app.exception_handler(Unavailable)
async def put_off(_: Request, error: Exception) -> JSONResponse:
    """The queue is full, or the broker or the database does not answer."""
    return JSONResponse({"message": str(error)}, status_code=503, headers={"Retry-After": "2"})
