"""A book whose commits come from whole requests, and what operators do to them and to invoices."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from tests.integration.usage_book import CUSTOMER, FEE, FIRST, START, STORAGE, UsageBook
from trueup.ids import new_id
from trueup.store.accounts.accounts import create_account
from trueup.store.requests.commit_inserts import insert_new
from trueup.store.usage.line_inserts import record_lines
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.request.body import USD_CENTS
from trueup.wire.request.changes import EDIT, END_DATE, Edit, EndDate
from trueup.wire.request.normal import FINGERPRINT_VERSION
from trueup_worker.commit_changes.archive import archive_commit
from trueup_worker.commit_changes.disable_true_up import disable_true_up
from trueup_worker.commit_changes.edit import EditSettings, edit_commit
from trueup_worker.commit_changes.end_date import end_commit
from trueup_worker.commit_changes.refusal import Changed
from trueup_worker.intake.bodies import read_bodies
from trueup_worker.intake.commits.rows import commit_rows, obligation_rows, segment_rows
from trueup_worker.invoicing.adjust import adjust_commit
from trueup_worker.invoicing.correct import Correction, correct_month
from trueup_worker.invoicing.regenerate import Regenerated, regenerate_invoice, regenerate_month
from trueup_worker.invoicing.release import release_obligation
from trueup_worker.invoicing.void import Voided, void_invoice
from trueup_worker.reporting.reconcile import reconcile

Record = dict[str, Any]


class ChangeBook(UsageBook):
    """Adds requests, and the changes of what they made; any number of them share a database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            self.account_id = create_account(connection, f"acme {new_id()}", sandbox=True, now=START).id
            self._catalog(connection)

    def request(self, kind: str = "PREPAID", amount: int = 1000, ends: str = "2031-01-01", **body: Any) -> UUID:
        """A commit or credit made of a request; unless it says otherwise, with one segment from the start of 2030."""
        key = new_id()
        year = {"amount": amount, "starting_at": "2030-01-01T00:00:00Z", "ending_before": f"{ends}T00:00:00Z"}
        whole = {
            "customer_id": str(CUSTOMER),
            "product_id": str(FEE),
            "priority": 1,
            "access_schedule": {"schedule_items": [year]},
            **body,
        }
        if "invoice_schedule" in body:
            whole.setdefault("invoice_contract_id", str(FIRST))
        if kind != "CREDIT":
            whole["type"] = kind
        self._store(key, whole, "credit" if kind == "CREDIT" else "commit")
        return key

    def _store(self, key: UUID, whole: Record, kind: Any) -> None:
        judged = read_bodies([QueuedRequest(str(key), kind, None, json.dumps(whole).encode())])
        assert not judged.refusals, judged.refusals
        (made,) = judged.candidates
        with self.engine.begin() as connection:
            insert_new(
                connection,
                self.account_id,
                commits=commit_rows([made]),
                segments=segment_rows([made]),
                obligations=obligation_rows([made], usage_grace_h=24),
                fingerprint_version=FINGERPRINT_VERSION,
                batch_id=None,
                attempt=1,
            )

    def use(self, at: datetime, quantity: str, price: str = "1", *, contract_id: UUID = FIRST, **more: str) -> str:
        """Takes one usage line in by the statement of intake; returns its transaction id."""
        key = str(new_id())
        line = {
            "request_id": str(new_id()),
            "transaction_id": key,
            "customer_id": str(CUSTOMER),
            "contract_id": str(contract_id),
            "product_id": str(STORAGE),
            "credit_type_id": USD_CENTS,
            "timestamp": at.isoformat(),
            "quantity": quantity,
            "list_price": price,
            "commit_price": price,
            "fingerprint": "\\x00",
            **more,
        }
        with self.engine.begin() as connection:
            record_lines(
                connection,
                self.account_id,
                [line],
                fingerprint_version=FINGERPRINT_VERSION,
                batch_id=None,
                attempt=1,
                usage_grace_h=24,
                usage_settle_s=0,
            )
        return key

    def void(self, invoice_id: UUID, reason: str = "wrong price") -> Voided:
        """Voids an invoice or period."""
        with self.engine.begin() as connection:
            return void_invoice(
                connection, account_id=self.account_id, invoice_id=invoice_id, reason=reason, actor="key"
            )

    def regenerate(self, invoice_id: UUID) -> Regenerated:
        """Makes a void invoice or period anew."""
        with self.engine.begin() as connection:
            return regenerate_invoice(connection, account_id=self.account_id, invoice_id=invoice_id, actor="key")

    def take_late_in(self, contract_id: UUID, month: Any) -> list[Regenerated]:
        """Takes the late usage of a closed month in."""
        with self.engine.begin() as connection:
            return regenerate_month(
                connection, account_id=self.account_id, contract_id=contract_id, month=month, actor="key"
            )

    def edit(self, commit_id: UUID, /, **body: Any) -> Changed:
        """Edits a commit by a body as it comes over the wire."""
        change = EDIT.read(json.dumps(body))
        assert not isinstance(change, list), change
        return self.edit_read(commit_id, change)

    def edit_read(self, commit_id: UUID, change: Edit) -> Changed:
        """Edits a commit by a body that was read."""
        with self.engine.begin() as connection:
            return edit_commit(
                connection,
                account_id=self.account_id,
                commit_id=commit_id,
                change=change,
                actor="key",
                settings=EditSettings(usage_grace_h=24),
            )

    def end(self, commit_id: UUID, /, **body: str) -> Changed:
        """Sets end dates by a body as it comes over the wire."""
        read: EndDate | list[Any] = END_DATE.read(json.dumps(body))
        assert not isinstance(read, list), read
        with self.engine.begin() as connection:
            return end_commit(connection, account_id=self.account_id, commit_id=commit_id, change=read, actor="key")

    def archive(self, commit_id: UUID) -> Changed:
        """Archives a commit."""
        with self.engine.begin() as connection:
            return archive_commit(connection, account_id=self.account_id, commit_id=commit_id, actor="key")

    def change_promise(self, commit_id: UUID, *, amount: int | None = None, **access: str) -> Changed:
        """Edits the one access item of a POSTPAID commit, and with its amount that of its true-up."""
        of_amount = {"amount": amount} if amount else {}
        (segment,), true_up = self.segments(commit_id), self.obligations(commit_id)[-1]
        body = {"access_schedule": {"update_schedule_items": [{"id": str(segment.id), **of_amount, **access}]}}
        if amount:
            body["invoice_schedule"] = {"update_schedule_items": [{"id": str(true_up.id), **of_amount}]}
        return self.edit(commit_id, **body)

    def release(self, commit_id: UUID) -> None:
        """Releases the commit's last obligation."""
        obligation_id = self.obligations(commit_id)[-1].id
        with self.engine.begin() as connection:
            release_obligation(
                connection, account_id=self.account_id, obligation_id=obligation_id, actor="key", reason="agreed"
            )

    def correct(self, month: datetime, *, dry_run: bool = False, customer_id: UUID = CUSTOMER) -> list[Correction]:
        """Puts a closed month right."""
        with self.engine.begin() as connection:
            return correct_month(
                connection,
                account_id=self.account_id,
                customer_id=customer_id,
                month=month,
                reason="put right",
                actor="key",
                usage_grace_h=24,
                dry_run=dry_run,
            )

    def adjust(self, commit_id: UUID, amount: str) -> None:
        """Books an entry by hand."""
        with self.engine.begin() as connection:
            adjust_commit(
                connection,
                account_id=self.account_id,
                commit_id=commit_id,
                amount=Decimal(amount),
                reason="agreed",
                actor="key",
            )

    def disable(self, commit_id: UUID) -> Changed:
        """Disables a true-up."""
        with self.engine.begin() as connection:
            return disable_true_up(connection, account_id=self.account_id, commit_id=commit_id, actor="key")

    def commit_row(self, commit_id: UUID) -> Any:
        """The commit's own row."""
        (row,) = self.rows("SELECT * FROM commit WHERE account_id = :account_id AND id = :id", id=commit_id)
        return row

    def segments(self, commit_id: UUID) -> list[Any]:
        """The commit's segments in the order of the request."""
        return self.rows("SELECT * FROM segment WHERE commit_id = :id ORDER BY position", id=commit_id)

    def obligations(self, commit_id: UUID) -> list[Any]:
        """The commit's obligations, those that were made anew after those that they replace."""
        return self.rows("SELECT * FROM obligation WHERE commit_id = :id ORDER BY position, id", id=commit_id)

    def state(self, commit_id: UUID) -> str:
        """The state of the last obligation."""
        return str(self.obligations(commit_id)[-1].state)

    def audits(self) -> list[tuple[str, str]]:
        """Action and subject of the audit rows, but for the clock's."""
        rows = self.rows(
            "SELECT * FROM audit WHERE account_id = :account_id AND action <> 'advance_clock' ORDER BY seq"
        )
        return [(row.action, row.subject) for row in rows]

    def finances(self) -> Record:
        """What void and regenerate must leave as it is: balances, totals and lines, but for lines that cost nothing."""
        balances = self.rows(
            "SELECT segment_id, type, sum(amount) AS amount FROM ledger_entry WHERE account_id = :account_id"
            " GROUP BY segment_id, type HAVING sum(amount) <> 0 ORDER BY segment_id, type"
        )
        lines = self.rows(
            "SELECT p.contract_id, p.unit_id, p.starting_at, l.kind, l.product_id, l.unit_price, l.segment_id, i.total,"
            "       sum(l.quantity) AS quantity, sum(l.amount) AS amount"
            "  FROM usage_period AS p JOIN invoice_line AS l ON l.account_id = p.account_id AND l.invoice_id = p.id"
            "  LEFT JOIN invoice AS i ON i.account_id = p.account_id AND i.id = p.id"
            " WHERE p.account_id = :account_id AND p.voided_at IS NULL AND l.amount <> 0"
            " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7"
        )
        return {"balances": [tuple(row) for row in balances], "lines": [tuple(row) for row in lines]}

    def differences(self) -> list[Any]:
        """What reconciling finds."""
        with self.engine.begin() as connection:
            return reconcile(connection, self.account_id)


def entry(kind: str, amount: str) -> tuple[str, Decimal]:
    """A ledger entry, by type and amount."""
    return kind, Decimal(amount)
