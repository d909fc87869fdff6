"""Books of sandboxes whose alerts are given when time or usage has gone on."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from tests.integration.usage_book import CUSTOMER, FIRST, START, STORAGE, UsageBook
from trueup.ids import new_id
from trueup.store.postgres.engine import transaction
from trueup.store.usage.line_inserts import record_lines
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.alerts.turn import give_alerts
from trueup_worker.invoicing.clock import advance_clock

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Told = tuple[str, UUID, Any]


class AlertBook(UsageBook):
    """A book whose alerts are given."""

    def to(self, instant: datetime) -> None:
        """Move the clock."""
        with self.engine.begin() as connection:
            advance_clock(connection, account_id=self.account_id, to=instant, actor="key")

    def move(self, to: datetime) -> list[Told]:
        """Move the clock; gives what that made somebody tell."""
        self.to(to)
        return self.told()

    def told(self) -> list[Told]:
        """What is told now: type, subject and offset, and nothing when it is asked again."""
        before = len(self.by_time())
        give_alerts(self.engine, self.account_id)
        give_alerts(self.engine, self.account_id)
        return self.by_time()[before:]

    def settle(self) -> None:
        """Let minutes pass: nothing runs any more that could bring what was due before."""
        self.pass_by(seconds=120)

    def pass_by(self, *, seconds: int) -> None:
        """Let real time pass for alerts by time."""
        self._write(
            f"UPDATE alert_clock SET judged_at = judged_at - interval '{seconds} s',"
            f" told_at = told_at - interval '{seconds} s' WHERE account_id = :account_id"
        )
        self._write(
            f"UPDATE next_look SET alerts_at = alerts_at - interval '{seconds} s' WHERE account_id = :account_id"
        )

    def _write(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), {"account_id": self.account_id})

    def by_time(self) -> list[Told]:
        """All that was told of time."""
        rows = self.rows("SELECT * FROM outbox WHERE account_id = :account_id ORDER BY seq")
        chosen = [row for row in rows if row.event.endswith((".start", ".end", ".expiring", ".upcoming"))]
        return [(row.event, row.subject_ids[0], row.detail.get("offset_days")) for row in chosen]


class BalanceBook(AlertBook):
    """A book into which usage comes by the statement of intake."""

    def record(self, quantity: str, *, at: datetime = START + HOUR, price: str = "1", **more: Any) -> None:
        """A line of usage, as intake stores it."""
        line = {
            "request_id": str(new_id()),
            "transaction_id": str(uuid4()),
            "customer_id": str(CUSTOMER),
            "contract_id": str(FIRST),
            "product_id": str(STORAGE),
            "credit_type_id": USD_CENTS,
            "timestamp": at.isoformat(),
            "quantity": quantity,
            "list_price": price,
            "commit_price": price,
            "fingerprint": "\\x00",
        }
        settings = {"fingerprint_version": FINGERPRINT_VERSION, "usage_grace_h": 24, "usage_settle_s": 60}
        with transaction(self.engine) as connection:
            record_lines(connection, self.account_id, [line | more], batch_id=None, attempt=1, **settings)

    def low(self) -> list[str]:
        """What is told of balances a minute later: type and threshold."""
        self.later()
        before = len(self.of_balances())
        give_alerts(self.engine, self.account_id)
        return self.of_balances()[before:]

    def later(self) -> None:
        """Let a minute pass."""
        self._write(
            "UPDATE balance_watch SET not_before = not_before - interval '1 minute', due_at = due_at - interval"
            " '1 minute' WHERE account_id = :account_id"
        )

    def of_balances(self) -> list[str]:
        """All that was told of balances."""
        rows = self.rows("SELECT * FROM outbox WHERE account_id = :account_id ORDER BY seq")
        return [
            f"{row.event} {row.detail.get('used_percent') or row.detail.get('left_amount') or ''}".strip()
            for row in rows
            if row.event.endswith(("balance_low", "exhausted"))
        ]
