"""Logs: one event a line, each with an `action` to search for, on stderr; they neither raise nor block.

What cannot be written is lost and counted, and what is logged never decides what happens: with a full disk, a closed
pipe, or a pipe that nobody reads, all work goes on.
"""

import logging
from functools import cache
from typing import Any

import structlog

from trueup.settings import Settings
from trueup_worker.startup.log_output import LogOutput, occupy_standard_descriptors, take_over_standard_streams

_STDERR = 2
_LOSS = {"event": "log lines were lost", "action": "log_lines_lost", "level": "warning"}


def configure_logging(settings: Settings) -> None:
    """Set structlog and the standard library's logging up alike, on stderr."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *_last_steps(settings.log_format),
        ],
        wrapper_class=_unfailing(level),
        logger_factory=lambda *_: _Lines(log_output(settings.log_format)),
    )
    logging.basicConfig(
        level=max(level, logging.WARNING),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=log_output(settings.log_format),
    )


def take_over(settings: Settings) -> None:
    """As `configure_logging`, for a process that is ours alone: whatever it prints goes the same way."""
    occupy_standard_descriptors()
    configure_logging(settings)
    take_over_standard_streams(log_output(settings.log_format))


@cache
def log_output(log_format: str) -> LogOutput:
    """Log output of this process."""

    def tell_loss(lines: int) -> str:
        told: Any = {**_LOSS, "lines": lines}
        for step in _last_steps(log_format):
            told = step(None, "warning", told)
        return f"{told}\n"

    return LogOutput(_STDERR, tell_loss=tell_loss)


def _last_steps(log_format: str) -> list[structlog.typing.Processor]:
    """From an event to its line."""
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False),
    ]


class _Lines:
    """Writes lines, whatever their level."""

    def __init__(self, output: LogOutput) -> None:
        self.output = output

    def msg(self, line: str) -> None:
        """Write one line."""
        self.output.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def _unfailing(level: int) -> type[Any]:
    """A logger that counts the event that it cannot make a line of, as when what is to be told cannot be printed."""

    class Unfailing(structlog.make_filtering_bound_logger(level)):  # type: ignore[misc]
        def _proxy_to_logger(self, method_name: str, event: str | None = None, **event_kw: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, **event_kw)
            except Exception:  # noqa: BLE001 - whatever keeps it from being logged
                self._logger.output.lose()

    return Unfailing
