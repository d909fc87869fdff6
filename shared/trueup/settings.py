"""Settings: variables with the prefix TRUEUP_ of the process, a file `.env` or mounted files, all checked at once."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, PostgresDsn, SecretStr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from trueup.broker.url import judged_broker, judged_cache
from trueup.defaults import (
    EVENTS_DAYS,
    HTTP_HEADERS_S,
    ISSUE_ROWS,
    OUTCOME_BODY_DAYS,
    PARKED_DAYS,
    QUEUE_LIMIT,
    STATEMENT_TIMEOUT_S,
    USAGE_GRACE_H,
    WEBHOOK_RETRIES,
)
from trueup.environment import PREFIX, SettingsError, environment
from trueup.service_urls import judged_database

__all__ = ["PREFIX", "Settings", "SettingsError", "read_settings", "settings"]

DatabaseUrl = Annotated[PostgresDsn, BeforeValidator(lambda url: judged_database(str(url)))]
BrokerUrl = Annotated[str, AfterValidator(judged_broker)]
CacheUrl = Annotated[str, AfterValidator(judged_cache)]


class Settings(BaseSettings):
    """Settings of every process, read from its surroundings. Units stand last in the names."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: Annotated[DatabaseUrl, Field(repr=False, description="Postgres: the truth")]
    database_direct_url: Annotated[
        DatabaseUrl | None,
        Field(
            repr=False,
            description="for migrations alone: as the schema's owner, past any pooler; default: database_url",
        ),
    ] = None
    database_pooler: Annotated[
        Literal["transaction"] | None,
        Field(description="by what it is reached: transaction is PgBouncer and the like; default: directly"),
    ] = None
    broker_url: Annotated[
        BrokerUrl, Field(repr=False, description="the queue; must never evict (maxmemory-policy noeviction)")
    ]
    redis_url: Annotated[
        CacheUrl | None,
        Field(repr=False, description="uniqueness cache and reply hints; may be lost at any time; default: none"),
    ] = None
    secret_key: Annotated[
        SecretStr,
        Field(min_length=32, description="encrypts the tokens' signing keys and signs the system's own messages"),
    ]
    require_signature: Annotated[
        bool, Field(description="refuse queue messages without a valid signature; off only for a closed broker")
    ] = True
    signature_age_days: Annotated[int, Field(ge=1, le=3650, description="the age at which a signature expires")] = 30
    open_references: Annotated[
        bool, Field(description="register unknown customers, products, contracts and units instead of refusing them")
    ] = False
    queue_limit: Annotated[
        int, Field(ge=1, description="envelopes on the queue above which a producer waits or raises QueueFull")
    ] = QUEUE_LIMIT
    visibility_timeout_s: Annotated[
        int, Field(ge=1, le=3600, description="after this long a dead worker's messages are delivered again")
    ] = 300
    lease_s: Annotated[
        int, Field(ge=1, le=3600, description="a kept envelope without outcomes is sent again after this; then doubled")
    ] = 60
    statement_timeout_s: Annotated[
        int, Field(ge=1, le=600, description="Postgres ends a statement after this long")
    ] = STATEMENT_TIMEOUT_S
    scheduler_interval_s: Annotated[float, Field(gt=0, le=60, description="how often the scheduler looks")] = 0.5
    issue_rows: Annotated[int, Field(ge=1, le=5000, description="due rows that one invoicing transaction claims")] = (
        ISSUE_ROWS
    )
    usage_grace_h: Annotated[
        int, Field(ge=0, le=24 * 365, description="how long after its end a month takes usage in before it is closed")
    ] = USAGE_GRACE_H
    usage_settle_s: Annotated[
        int,
        Field(ge=0, le=3600, description="a month that was over when its usage came waits so long for more"),
    ] = 60
    events_days: Annotated[
        int, Field(ge=1, le=36_500, description="how long events are kept for whoever reads the feed")
    ] = EVENTS_DAYS
    webhook_retries: Annotated[
        str,
        Field(
            pattern=r"^\d{1,6}[smhd](,\d{1,6}[smhd]){0,29}$",
            description="waits before a delivery that failed is tried again, like 5s,5m,2h",
        ),
    ] = WEBHOOK_RETRIES
    webhook_loopback: Annotated[
        bool, Field(description="let webhooks go to this host, by http too: for development")
    ] = False
    webhook_allow: Annotated[
        str, Field(description="private networks that webhooks may go to, each with its port: 10.1.2.0/24:8443,…")
    ] = ""
    webhook_proxy: Annotated[
        AnyHttpUrl | None,
        Field(repr=False, description="proxy that webhooks go through, which then judges their names; default: none"),
    ] = None
    parked_days: Annotated[
        int, Field(ge=1, le=36_500, description="how long parked messages are kept once sent again or discarded")
    ] = PARKED_DAYS
    outcome_body_days: Annotated[
        int, Field(ge=0, le=3650, description="how long bodies of refused requests are kept; 0: they are not")
    ] = OUTCOME_BODY_DAYS
    uniqueness_cache_s: Annotated[int, Field(ge=1, description="how long Redis remembers a used key")] = 3600
    http_host: Annotated[str, Field(min_length=1, description="where the gateway listens")] = "127.0.0.1"
    http_port: Annotated[int, Field(ge=1, le=65535, description="on which port the gateway listens")] = 8080
    http_share_port: Annotated[
        bool, Field(description="let several gateway processes listen on that port; the system spreads the calls")
    ] = False
    http_wait_s: Annotated[
        float, Field(gt=0, le=600, description="how long the gateway waits for an outcome before it answers 202")
    ] = 10.0
    http_database_s: Annotated[
        float, Field(gt=0, le=600, description="how long a call waits for the database, its turn included: 503")
    ] = 15.0
    http_headers_s: Annotated[
        float, Field(gt=0, le=600, description="a connection is closed when a call's headers take longer to arrive")
    ] = HTTP_HEADERS_S
    http_body_s: Annotated[
        float, Field(gt=0, le=600, description="how long a body, or the next part of an upload, may take: 408")
    ] = 30.0
    http_uploads: Annotated[
        int,
        Field(
            ge=1,
            le=32,
            description="uploads that a gateway process takes in at once, half of them for one account",
        ),
    ] = 4
    http_upload_mb: Annotated[
        int, Field(ge=1, description="how long one upload may be, as it is sent, in millions of bytes: 413")
    ] = 1_000
    http_spool_mb: Annotated[
        int,
        Field(
            ge=2,
            description="how much uploads that wait for their turn take on disk, half of it one account's: 429",
        ),
    ] = 4_000
    http_wrong_tokens: Annotated[
        int,
        Field(ge=0, description="wrong tokens a minute from one address, or for one key: then 429; 0: any number"),
    ] = 60
    http_url: Annotated[
        AnyHttpUrl | None,
        Field(description="where callers reach the gateway, for its pages to say; default: its host and port"),
    ] = None
    http_rate: Annotated[
        int, Field(ge=0, description="calls a second that an account may make to a gateway process; 0: any number")
    ] = 0
    http_answer_retries: Annotated[
        bool, Field(description="answer a client's own retry with what its first try made in the last ten minutes")
    ] = True
    metrics_port: Annotated[
        int | None,
        Field(
            ge=1, le=65_535, description="base port of /metrics, to which each process adds its offset; default: none"
        ),
    ] = None
    metrics_host: Annotated[str, Field(min_length=1, description="address of /metrics")] = "127.0.0.1"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="what is logged")] = "INFO"
    log_format: Annotated[Literal["console", "json"], Field(description="how it is logged")] = "console"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library's signature)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Values that are given by name, then those of `environment`."""
        told = environment()
        given = {name: told[PREFIX + name.upper()] for name in cls.model_fields if PREFIX + name.upper() in told}
        return init_settings, InitSettingsSource(settings_cls, given)

    @property
    def public_url(self) -> str:
        """URL by which callers reach the gateway, without a slash at the end."""
        if self.http_url is not None:
            return str(self.http_url).rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.http_host, self.http_host)  # noqa: S104 (to replace it)
        return f"http://[{host}]:{self.http_port}" if ":" in host else f"http://{host}:{self.http_port}"


def read_settings(**overrides: object) -> Settings:
    """Read what `environment` tells.

    Args:
        overrides: values that win over it, by field name.

    Raises:
        SettingsError: names every missing or wrong setting and what it expects, or every file that cannot be read.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(problem) for problem in error.errors())) from None


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()


def _line(problem: object) -> str:
    assert isinstance(problem, dict)
    name = str(problem["loc"][0])
    field = Settings.model_fields[name]
    said = "is not set" if problem["type"] == "missing" else _said(problem)
    return f"{PREFIX}{name.upper()}: {said} ({field.description})"


def _said(problem: dict[str, Any]) -> str:
    """Words for what is wrong: a rule of ours as it says it, one of the library's without its capitals."""
    reason = problem.get("ctx", {}).get("error") if problem["type"] == "value_error" else None
    return str(reason or problem["msg"].lower())
