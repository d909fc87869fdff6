"""What the intake tests share: envelopes made by hand, received without a broker."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from tests.conftest import DATA, SECRET_KEY
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.signer import Signer
from trueup.redis.uniqueness_cache import UniquenessCache
from trueup.settings import Settings, read_settings
from trueup.store.accounts.accounts import create_account
from trueup.store.accounts.tokens import SCOPES, create_token
from trueup.store.catalog.catalog import load_catalog
from trueup.store.requests.outcomes import read_outcomes
from trueup.store.requests.standing_outcomes import read_instant
from trueup.wire.catalog import read_catalog
from trueup.wire.message.names import SIGNATURE_HEADER, TASK_CREATE, TASK_RECORD
from trueup.wire.outcome import Outcome
from trueup_worker.intake.commits.pipeline import COMMITS
from trueup_worker.intake.message import Message
from trueup_worker.intake.receive import receive
from trueup_worker.intake.services import Services
from trueup_worker.intake.usage.pipeline import USAGE

Entry = dict[str, Any]


def settings_of(**given: object) -> Settings:
    """Settings for a use case that is called directly: no broker is there to be reached."""
    return read_settings(
        **{
            "database_url": "postgresql://unused/unused",
            "broker_url": "redis://unused:1",
            "secret_key": SECRET_KEY,
            **given,
        }
    )


def entry(body: Any, *, request_id: UUID | str | None = None, **more: Any) -> Entry:
    """One request of an envelope."""
    return {"id": str(request_id or new_id()), "body": body, **more}


@dataclass
class Intake:
    """An account, with the catalog of the cases unless it is to have none, and its own way to receive envelopes."""

    engine: Engine
    account: str = "acme"
    redis_url: str | None = None
    settings: Settings = field(default_factory=settings_of)
    task: str = TASK_CREATE
    has_catalog: bool = True

    def __post_init__(self) -> None:
        with self.engine.begin() as connection:
            self.account_id = create_account(connection, self.account, now=utc_now()).id
            if self.has_catalog:
                load_catalog(connection, self.account_id, read_catalog((DATA / "cases" / "catalog.json").read_bytes()))
            self.token = create_token(connection, account_id=self.account_id, scopes=SCOPES, secret_key=SECRET_KEY)
        self.services = Services(self.engine, UniquenessCache(self.redis_url, ttl_s=60), self.settings)

    def message(self, entries: list[Entry], *, token: str | None = None, attempt: int = 1, **meta: Any) -> Message:
        """A signed message."""
        said = json.dumps({"v": 1, "account": self.account, "sent_at": "2026-01-01T00:00:00Z", **meta})
        requests = json.dumps(entries)
        headers = Signer.of_token(token or self.token).headers(said, requests, at=utc_now(), task=self.task)
        return Message(self.task, said, requests, headers[SIGNATURE_HEADER], attempt)

    def receive(self, *entries: Entry, **more: Any) -> list[Outcome]:
        """Receives one envelope; returns the outcomes of its requests, in order."""
        self.take(self.message(list(entries), **more))
        found = self.outcomes(*entries)
        return [found[UUID(each["id"])] for each in entries]

    def take(self, message: Message) -> Counter[str]:
        """Receives a message as the worker of its task does."""
        pipeline = USAGE if message.task == TASK_RECORD else COMMITS
        return receive(message, self.services, now=utc_now(), pipeline=pipeline)

    def outcomes(self, *entries: Entry) -> dict[UUID, Outcome]:
        """The stored outcomes of these requests."""
        with self.engine.connect() as connection:
            return read_outcomes(connection, self.account_id, [UUID(each["id"]) for each in entries])

    def instant(self) -> str:
        """What a sender reads who wants refusals of before judged anew."""
        with self.engine.begin() as connection:
            return read_instant(connection, self.account_id).isoformat()

    def count(self, table: str) -> int:
        """How many rows of the account a table has."""
        with self.engine.connect() as connection:
            query = text(f"SELECT count(*) FROM {table} WHERE account_id = :account_id")
            return int(connection.execute(query, {"account_id": self.account_id}).scalar_one())

    def rows(self, query: str) -> list[Any]:
        """Rows of the account (`:a`), in the order the query gives."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), {"a": self.account_id}))
