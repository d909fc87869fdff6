"""History of a request as the command tells it."""

from dataclasses import asdict
from typing import Any

from trueup.ids import row_of
from trueup_worker.cli.terminal.output import Record, emit, emit_json, emit_record, to_json
from trueup_worker.reporting.request_history import RequestHistory

_VALUE_CHARS_MAX = 200
_OF_OUTCOME = ("request_id", "outcome", "attempt", "decided_at", "batch_id", "existing", "reason", "more")
_OF_REFUSAL = ("customer", "uniqueness_key", "first_decided_at")


def emit_history(found: RequestHistory, *, as_json: bool) -> None:
    """Print it: as JSON with the whole body as text, or for people."""
    if as_json:
        emit_json(_told(found))
        return
    emit_record(_shown(found))
    if found.body is not None:
        size = "" if found.body.whole_bytes is None else f" (the beginning of {found.body.whole_bytes} bytes)"
        emit(f"\nbody{size}\n{_printable(found.body.body)}\n".encode())


def _told(found: RequestHistory) -> Record:
    record = asdict(found.outcome)
    refusal = found.refusal
    if refusal is not None:
        record |= {name: getattr(refusal, name) for name in _OF_REFUSAL}
    return record | {
        "errors": [asdict(each) for each in found.errors] or record["errors"],
        "refused_as": None if refusal is None else refusal.outcome,
        "refused_at": None if refusal is None else refusal.decided_at,
        "body": None if found.body is None else found.body.body,
        "body_bytes": None if found.body is None else found.body.whole_bytes or len(found.body.body),
        "since": [asdict(each) for each in found.since],
        "acts": [asdict(each) for each in found.acts],
    }


def _shown(found: RequestHistory) -> Record:
    outcome, refusal = found.outcome, found.refusal
    record: Record = {name: getattr(outcome, name) for name in _OF_OUTCOME}
    if outcome.batch_id is not None:
        record["row"] = row_of(outcome.request_id)
    if refusal is not None:
        record |= {name: getattr(refusal, name) for name in _OF_REFUSAL}
        if outcome.outcome == "created":
            record |= {"refused_as": refusal.outcome, "refused_at": refusal.decided_at}
    return record | {
        "more": outcome.more or None,
        "errors": [asdict(each) | {"value": _value(each.value)} for each in found.errors],
        "since": [asdict(each) | {"row": _row(each.batch_id, each.what, each.id)} for each in found.since],
        "acts": [asdict(each) for each in found.acts],
    }


def _row(batch_id: object, what: str, request_id: Any) -> int | None:
    return None if batch_id is None or what == "batch" else row_of(request_id)


def _value(value: Any) -> str | None:
    if value is None:
        return None
    text = to_json(value).decode()
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}…"


def _printable(body: bytes) -> str:
    """The body, in which nothing can steer a terminal."""
    text = body.decode(errors="backslashreplace")
    return "".join(each if each in "\n\t" or each.isprintable() else f"\\x{ord(each):02x}" for each in text)
