"""Requests that a billing team would send, drawn from a seed: the same ones in every run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import UUID

import orjson

from trueup.wire.catalog import Catalog, read_catalog

Body = dict[str, Any]
Fate = Literal["created", "duplicate", "invalid"]

CUSTOMERS = 1_000
DUPLICATES = 0.05
INVALID = 0.02
OPTIONAL = 0.4  # of the requests have any one of the optional fields
SAME_CONTENT = 0.8  # of the duplicates; the others are another request under a used key
_RECENT = 2_000  # duplicates follow their original within so many requests
_REGIONS = ("eu-central", "eu-west", "us-east", "us-west", "ap-south")
_START_YEARS = range(2030, 2034)  # nothing falls due while it is measured


@dataclass(frozen=True, slots=True)
class Request:
    """A body's JSON text, and what must become of it."""

    text: bytes
    fate: Fate


class Workload:
    """An endless stream of requests, and the catalog that they refer to."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._products = [self._uuid() for _ in range(5)]
        self._customers = [(self._uuid(), self._uuid()) for _ in range(CUSTOMERS)]
        self._recent: list[Body] = []

    def catalog(self) -> Catalog:
        """Customers with one contract each, and the products."""
        document = {
            "customers": [{"id": each, "name": f"Customer {n}"} for n, (each, _) in enumerate(self._customers)],
            "contracts": [
                {"id": contract, "customer_id": customer, "starting_at": "2024-01-01T00:00:00Z"}
                for customer, contract in self._customers
            ],
            "products": [
                {
                    "id": each,
                    "name": f"Product {n}",
                    "type": "USAGE" if n else "FIXED",
                    "tags": ["compute"] if n else [],
                }
                for n, each in enumerate(self._products)
            ],
            "units": [],
        }
        return read_catalog(orjson.dumps(document))

    def requests(self, count: int) -> Iterator[Request]:
        """The next requests: 5 % duplicates of recent ones among them, 2 % invalid."""
        self._recent.clear()
        return islice(self._endless(), count)

    def usage(self, count: int) -> Iterator[Request]:
        """The next lines of rated usage, of a month that is long to come: nothing closes while it is measured."""
        return (Request(orjson.dumps(self._usage_line()), "created") for _ in range(count))

    def _usage_line(self) -> Body:
        draw = self._random
        customer, contract = draw.choice(self._customers)
        price = draw.randrange(1, 10_000)
        return {
            "transaction_id": f"line-{draw.getrandbits(64):016x}",
            "customer_id": customer,
            "contract_id": contract,
            "product_id": draw.choice(self._products[1:]),
            "timestamp": f"2030-06-{draw.randrange(1, 31):02}T{draw.randrange(24):02}:{draw.randrange(60):02}:00Z",
            "quantity": draw.randrange(1, 1_000),
            "list_price": price,
            "commit_price": price - price // 10,
            "pricing_group_values": {"region": draw.choice(_REGIONS)},
        }

    def _endless(self) -> Iterator[Request]:
        while True:
            turn = self._random.random()
            if turn < DUPLICATES and self._recent:
                yield Request(orjson.dumps(self._again()), "duplicate")
            elif turn < DUPLICATES + INVALID:
                yield Request(orjson.dumps(self._mistaken()), "invalid")
            else:
                body = self._body()
                self._remember(body)
                yield Request(orjson.dumps(body), "created")

    def _remember(self, body: Body) -> None:
        if len(self._recent) < _RECENT:
            self._recent.append(body)
        else:
            self._recent[self._random.randrange(_RECENT)] = body

    def _again(self) -> Body:
        earlier = self._random.choice(self._recent)
        return earlier if self._random.random() < SAME_CONTENT else earlier | {"priority": 7}

    def _mistaken(self) -> Body:
        body = self._body()
        mistake = self._random.randrange(4)
        if mistake == 0:
            del body["priority"]
        elif mistake == 1:
            body["customer_id"] = body["customer_id"][:-1]
        elif mistake == 2:
            body["access_schedule"]["schedule_items"][0]["amount"] = -1
        else:
            body["access_schedule"]["schedule_items"][0]["starting_at"] = "1 July 2030"
        return body

    def _body(self) -> Body:
        """Half are paid in two instalments, a third at once, a sixth is a minimum with a true-up at its end."""
        draw = self._random
        customer, contract = draw.choice(self._customers)
        year, amount = draw.choice(_START_YEARS), draw.randrange(1, 500) * 10_000
        start, end = f"{year}-01-01T00:00:00Z", f"{year + 1}-01-01T00:00:00Z"
        body: Body = {
            "customer_id": customer,
            "type": "PREPAID",
            "name": f"Annual commitment {year}",
            "priority": draw.choice((10, 50, 100, 200)),
            "product_id": self._products[0],
            "access_schedule": {"schedule_items": [{"amount": amount, "starting_at": start, "ending_before": end}]},
            "invoice_contract_id": contract,
            "uniqueness_key": f"order-{draw.getrandbits(48):012x}",
        }
        body["invoice_schedule"] = {"schedule_items": self._charges(body, year=year, amount=amount)}
        return body | self._options(contract)

    def _options(self, contract: str) -> Body:
        """Fields that some requests have."""
        draw = self._random
        chosen = {
            "applicable_contract_ids": [contract],
            "applicable_product_tags": ["compute"],
            "custom_fields": {"region": draw.choice(_REGIONS), "owner": f"seller {draw.randrange(40)}"},
            "salesforce_opportunity_id": f"006{draw.getrandbits(60):015X}",
        }
        return {name: value for name, value in chosen.items() if draw.random() < OPTIONAL}

    def _charges(self, body: Body, *, year: int, amount: int) -> list[Body]:
        form = self._random.random()
        if form < 0.5:
            months = ("01", "07")
            return [
                {"timestamp": f"{year}-{month}-01T00:00:00Z", "unit_price": amount // 2, "quantity": 1}
                for month in months
            ]
        if form < 0.83:
            return [{"timestamp": f"{year}-01-01T00:00:00Z", "amount": amount}]
        body["type"] = "POSTPAID"
        return [{"timestamp": f"{year + 1}-01-01T00:00:00Z", "amount": amount}]

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def write_lines(path: Path, requests: Iterable[Request]) -> None:
    """A JSONL file of bare bodies."""
    with path.open("wb") as file:
        file.writelines(request.text + b"\n" for request in requests)
