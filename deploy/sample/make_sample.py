"""Makes the sample: a catalog, about 2,000 requests as JSONL and 300 as CSV. The same files every time.

    python deploy/sample/make_sample.py [FOLDER]

Companies, orders and mistakes are invented. The dates lie around 2026: some invoices have fallen due long ago, some
true-ups are overdue, most of both lie ahead. Standard library only.
"""
# ruff: noqa: INP001, S311

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from mistakes import BROKEN_LINES, MISTAKES

Body = dict[str, Any]

SEED = 20_261_122
REQUESTS, CSV_REQUESTS = 2_000, 300
DUPLICATES, MISTAKEN = 60, 62
COMPANIES = """
Alder Analytics|Basalt Robotics|Cinder Games|Delphi Genomics|Ember Logistics|Fathom Maps|Granite Bank|Harbor Health
Iris Imaging|Juniper Foods|Kestrel Air|Lumen Studios|Meridian Insurance|Northwind Energy|Onyx Security|Pelican Travel
Quartz Semiconductors|Redwood Retail|Sable Media|Tundra Mining|Umbra Optics|Vela Space|Willow Education|Xylem Water
Yarrow Pharma|Zephyr Mobility|Atlas Freight|Borealis Telecom|Copper Hill Partners|Driftwood Hotels|Evergreen Homes
Foxglove Biotech|Gale Wind Power|Heron Hydrology|Indigo Textiles|Jasper Legal|Kite Payments|Lagoon Aquaculture
Mosaic Design|Nimbus Weather
"""
PRODUCTS: tuple[tuple[str, str, list[str]], ...] = (
    ("Platform commitment", "FIXED", []),
    ("Support and onboarding", "FIXED", []),
    ("GPU hours", "USAGE", ["compute", "gpu"]),
    ("CPU hours", "USAGE", ["compute", "cpu"]),
    ("Object storage", "USAGE", ["storage"]),
    ("Network egress", "USAGE", ["network"]),
    ("API calls", "USAGE", ["api"]),
    ("Team seats", "SUBSCRIPTION", ["seats"]),
)
OWNERS = ("ana", "bo", "cem")
REGIONS = ("eu-central", "eu-west", "us-east", "us-west", "ap-south")
QUARTER = 3  # months


class Maker:
    """Draws everything from one seeded stream, so that the sample never changes by itself."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.euro = self.uuid()
        self.products: list[Body] = [
            {"id": self.uuid(), "name": name, "type": kind, "tags": tags} for name, kind, tags in PRODUCTS
        ]
        self.platform, self.support, *self.metered = [product["id"] for product in self.products]
        names = [name for line in COMPANIES.split("\n") for name in line.split("|") if name]
        self.customers = [self.customer(name) for name in names]
        self.contracts = [self.contract(customer) for customer in self.customers]
        self.contracts += [self.contract(customer) for customer in self.random.sample(self.customers, 20)]
        self.orders = 0

    def uuid(self) -> str:
        """An id that is the same in every run."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def customer(self, name: str) -> Body:
        """A catalog entry."""
        segment = self.random.choice(("enterprise", "mid-market", "startup"))
        return {"id": self.uuid(), "name": name, "custom_fields": {"segment": segment}}

    def contract(self, customer: Body) -> Body:
        """A catalog entry: most are open-ended and invoiced monthly."""
        contract = {"id": self.uuid(), "customer_id": customer["id"], "starting_at": time(2024, 1)}
        if self.random.random() < 0.2:
            contract["ending_before"] = time(2029, 1)
        if self.random.random() < 0.1:
            contract["usage_invoicing"] = "NONE"
        return contract

    def catalog(self) -> Body:
        """Catalog of the requests, in the form that `trueup catalog load` reads."""
        units = [{"id": self.euro, "name": "EUR (cents)", "currency": "EUR", "amounts_in": "minor"}]
        return {"customers": self.customers, "products": self.products, "contracts": self.contracts, "units": units}

    def month(self) -> tuple[int, int]:
        """Start of a deal: a quarter of them lie before the summer of 2026."""
        if self.random.random() < 0.25:
            return self.random.choice((2024, 2025, 2025)), self.random.randrange(1, 13)
        return self.random.choice(((2026, 7), (2026, 10), (2027, 1), (2027, 4), (2027, 7), (2028, 1)))

    def money(self) -> int:
        """An amount in cents that salespeople agree on."""
        return self.random.choice((5, 10, 12, 18, 24, 30, 45, 60, 90, 120, 250)) * 100_000

    def order(self, name: str, *, start: tuple[int, int], months: int, amount: object, product: str = "") -> Body:
        """Fields of every request: a PREPAID commit without invoices."""
        self.orders += 1
        contract = self.random.choice(self.contracts)
        item = {"amount": amount, "starting_at": time(*start), "ending_before": time(*after(start, months))}
        body = {
            "customer_id": contract["customer_id"],
            "type": "PREPAID",
            "name": name,
            "priority": self.random.choice((10, 50, 100, 100, 100, 200, 12.5)),
            "product_id": product or self.platform,
            "access_schedule": {"schedule_items": [item]},
            "applicable_contract_ids": [contract["id"]],
            "uniqueness_key": f"SO-{self.orders:06d}",
        }
        if self.random.random() < 0.6:
            del body["applicable_contract_ids"]
        if self.random.random() < 0.4:
            body["custom_fields"] = {
                "region": self.random.choice(REGIONS),
                "owner": self.random.choice(("ana", "bo", "cem")),
            }
        if self.random.random() < 0.3:
            body["salesforce_opportunity_id"] = f"006{self.random.randrange(16**12):012X}"
        return body | {"invoice_contract_id": contract["id"]}

    def instalments(self) -> Body:
        """A year, paid each quarter."""
        start, quarterly = self.month(), self.money()
        body = self.order("Annual commit, paid quarterly", start=start, months=12, amount=4 * quarterly)
        body["invoice_schedule"] = {
            "schedule_items": [
                {"timestamp": time(*after(start, months)), "unit_price": quarterly, "quantity": 1}
                for months in (0, 3, 6, 9)
            ]
        }
        return body

    def upfront(self) -> Body:
        """Paid at once, at times with a rebate, in dollars or in euros."""
        start, amount = self.month(), self.money()
        body = self.order("Prepaid capacity", start=start, months=self.random.choice((3, 6, 12, 24)), amount=amount)
        charged = amount if self.random.random() < 0.7 else f"={amount * 0.9375:.2f}"
        body["invoice_schedule"] = {"schedule_items": [{"timestamp": time(*start), "amount": charged}]}
        if self.random.random() < 0.3:
            body["access_schedule"]["credit_type_id"] = body["invoice_schedule"]["credit_type_id"] = self.euro
        return body

    def recurring(self) -> Body:
        """Paid by a schedule that repeats."""
        start, amount = self.month(), self.money()
        body = self.order("Subscription commit", start=start, months=12, amount=amount)
        frequency, share = self.random.choice((("MONTHLY", 12), ("QUARTERLY", 4), ("SEMI_ANNUAL", 2), ("annual", 1)))
        distribution = self.random.choice(("DIVIDED", "DIVIDED_ROUNDED", "EACH"))
        body["invoice_schedule"] = {
            "recurring_schedule": {
                "starting_at": time(*start),
                "ending_before": time(*after(start, 12)),
                "frequency": frequency,
                "amount_distribution": distribution,
                "amount": amount // share if distribution == "EACH" else amount,
            }
        }
        return body

    def ramp(self) -> Body:
        """Access that grows each quarter, one invoice."""
        start, first = self.month(), self.money()
        body = self.order("Ramped commit", start=start, months=QUARTER, amount=first)
        body["access_schedule"]["schedule_items"] += [
            {
                "amount": first + step * 500_000,
                "starting_at": time(*after(start, QUARTER * step)),
                "ending_before": time(*after(start, QUARTER * (step + 1))),
            }
            for step in (1, 2, 3)
        ]
        total = sum(item["amount"] for item in body["access_schedule"]["schedule_items"])
        body["invoice_schedule"] = {"schedule_items": [{"timestamp": time(*start), "amount": total}]}
        return body

    def specified(self) -> Body:
        """Good for some usage only."""
        body = self.upfront()
        body["name"] = "Regional GPU capacity"
        region = {"pricing_group_values": {"region": self.random.choice(REGIONS)}}
        body["specifiers"] = self.random.choice(
            (
                [{"product_tags": ["gpu"], **region}],
                [{"product_id": self.metered[0]}, {"product_id": self.metered[1], **region}],
                [{"exclude": [{"product_tags": ["storage"]}, {"product_tags": ["network"]}]}],
            )
        )
        return body

    def postpaid(self) -> Body:
        """A minimum for a period; what is missing at its end is invoiced then."""
        start, amount = self.month(), self.money()
        months = self.random.choice((3, 6, 12))
        body = self.order("Minimum spend", start=start, months=months, amount=amount)
        body["type"] = self.random.choice(("POSTPAID", "postpaid"))
        body["applicable_product_tags"] = [self.random.choice(("compute", "storage", "api"))]
        body["invoice_schedule"] = {"schedule_items": [{"timestamp": time(*after(start, months)), "amount": amount}]}
        return body

    def complimentary(self) -> Body:
        """Given away with a deal: no invoice."""
        body = self.order("Launch bonus", start=self.month(), months=3, amount=250_000, product=self.support)
        body["description"] = "approved by the deal desk; not to be shown to the customer"
        del body["invoice_contract_id"]
        return body

    def hours(self) -> Body:
        """Units instead of money."""
        body = self.order(
            "GPU reservation", start=self.month(), months=6, amount=self.random.choice((100, 2_500, "=0.5"))
        )
        body["access_schedule"]["access_type"] = "QUANTITY"
        body["applicable_product_ids"] = [self.metered[0]]
        del body["invoice_contract_id"]
        return body

    def migrated(self) -> Body:
        """Billed by the system before: recorded, never invoiced."""
        body = self.upfront()
        body["name"] = "Carried over"
        body["invoice_schedule"]["do_not_invoice"] = True
        del body["invoice_contract_id"]
        return body

    def credit(self) -> Body:
        """A balance for free, as a row that says so."""
        body = self.order(
            "Service credit", start=self.month(), months=3, amount=self.random.choice((5_000, "=1999.99"))
        )
        row: Body = {"kind": "credit", "body": without(body, "type", "invoice_contract_id")}
        if self.random.random() < 0.3:
            row["idempotency_key"] = f"ticket-{self.orders}"
        return row

    def request(self) -> Body:
        """Any of the above; one in a hundred without a uniqueness key."""
        makers: dict[Callable[[], Body], int] = {
            self.instalments: 24,
            self.upfront: 22,
            self.postpaid: 16,
            self.recurring: 8,
            self.ramp: 5,
            self.specified: 6,
            self.complimentary: 6,
            self.hours: 3,
            self.migrated: 3,
            self.credit: 7,
        }
        body = self.random.choices(list(makers), weights=list(makers.values()))[0]()
        if self.random.random() < 0.01:
            body.pop("uniqueness_key", None)
        return body

    def resent(self, earlier: Body) -> Body:
        """An order that comes a second time: as it was, or changed under the same key."""
        again: Body = json.loads(json.dumps(earlier))
        if self.random.random() < 0.5:
            again["priority"] = 7
            again["name"] = f"{again['name']} (amended)"
        return again

    def lines(self) -> list[str]:
        """The JSONL file: good rows first to last, the others strewn in."""
        good = [self.request() for _ in range(REQUESTS - DUPLICATES - MISTAKEN)]
        rows = [dump(body) for body in good]
        for _ in range(DUPLICATES):
            at = self.random.randrange(len(good) // 2)
            while "uniqueness_key" not in good[at]:
                at += 1
            rows.insert(self.random.randrange(len(rows) // 2, len(rows)), dump(self.resent(good[at])))
        wrong = [dump(MISTAKES[n % len(MISTAKES)](self)) for n in range(MISTAKEN - len(BROKEN_LINES))] + list(
            BROKEN_LINES
        )
        for line in wrong:
            rows.insert(self.random.randrange(len(rows)), line)
        return rows

    def csv_cells(self, number: int) -> Body:
        """A row of the CSV file: simpler deals, as they come out of a spreadsheet."""
        body = self.random.choice((self.upfront, self.postpaid, self.complimentary))()
        (access,) = body["access_schedule"]["schedule_items"]
        invoice = body.get("invoice_schedule", {"schedule_items": [{}]})["schedule_items"][0]
        return {
            "uniqueness_key": f"sheet-{number:04d}",
            **{name: body.get(name, "") for name in ("customer_id", "type", "name", "priority", "product_id")},
            **{f"access_{name}": value for name, value in access.items()},
            "invoice_contract_id": body.get("invoice_contract_id", ""),
            "invoice_timestamp": invoice.get("timestamp", ""),
            "invoice_amount": str(invoice.get("amount", "")).removeprefix("="),
            "credit_type_id": body["access_schedule"].get("credit_type_id", ""),
            "applicable_product_tags": ";".join(body.get("applicable_product_tags", [])),
            "custom_fields.region": body.get("custom_fields", {}).get("region", ""),
        }

    def csv_rows(self) -> list[Body]:
        """The CSV file, with what goes wrong in spreadsheets."""
        rows = [self.csv_cells(number) for number in range(1, CSV_REQUESTS + 1)]
        rows[40] = rows[39]
        rows[90] = rows[89] | {"name": "Second thoughts"}
        rows[120]["access_amount"] = "1,200,000"
        rows[150]["access_starting_at"] = "01.07.2026"
        rows[180]["customer_id"] = rows[180]["customer_id"].replace("-", "")
        rows[210]["product_id"] = self.metered[2]
        rows[240]["priority"] = "high"
        return rows


def after(start: tuple[int, int], months: int) -> tuple[int, int]:
    """The month so many months later."""
    year, month = divmod(start[0] * 12 + start[1] - 1 + months, 12)
    return year, month + 1


def time(year: int, month: int, *, hours: int = 0) -> str:
    """The beginning of a month."""
    return (datetime(year, month, 1, tzinfo=UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def without(body: Body, *names: str) -> Body:
    """A body that lacks some fields."""
    return {name: value for name, value in body.items() if name not in names}


def dump(body: Any) -> str:
    """JSON; a text "=12.50" stands for the number with these digits."""
    return re.sub(r'"=([-0-9.]+)"', r"\1", json.dumps(body, ensure_ascii=False))


def main(folder: Path) -> None:
    """Write the three files."""
    maker = Maker(SEED)
    (folder / "catalog.json").write_text(json.dumps(maker.catalog(), indent=1) + "\n", encoding="utf-8")
    (folder / "requests.jsonl").write_text("\n".join(maker.lines()) + "\n", encoding="utf-8")
    rows = maker.csv_rows()
    table = io.StringIO()
    writer = csv.DictWriter(table, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / "requests.csv").write_text(table.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
