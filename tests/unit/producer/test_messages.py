"""What one sends from a Celery application of one's own is what a worker reads and verifies."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

import trueup
from trueup import InvalidRequest, Message, sign, write_messages
from trueup.ids import new_id
from trueup.wire.message.envelope import Kind, read_envelope
from trueup.wire.message.names import QUEUE_BULK, QUEUE_SINGLE, QUEUE_USAGE, SIGNATURE_HEADER, TASK_CREATE, TASK_RECORD
from trueup.wire.message.signature import (
    BadToken,
    digests_of,
    new_token,
    parse_signature,
    signing_key,
    split_token,
    verify,
)

REQUEST = (Path(__file__).parents[3] / "deploy/examples/request.json").read_text(encoding="utf-8")


def test_a_message_that_is_signed() -> None:
    """Account, ids and every digit of a body arrive; the header vouches for task and texts."""
    token, ids = new_token()[0], [new_id(), new_id()]
    exact = {**json.loads(REQUEST), "priority": Decimal("10.000000000001")}
    [message] = write_messages([REQUEST, exact], account="acme", ids=ids)
    assert (message.task, message.queue, message.ids) == (TASK_CREATE, QUEUE_SINGLE, tuple(ids))
    envelope = read_envelope(message.meta, message.requests)
    assert envelope.meta.account == "acme"
    assert [each.id for each in envelope.requests] == list(map(str, ids))
    assert envelope.requests[0].text == REQUEST.strip().encode()
    assert b'"priority":10.000000000001' in bytes(envelope.requests[1].text)
    headers = sign(message.task, message.meta, message.requests, token)
    signature = parse_signature(headers.pop(SIGNATURE_HEADER))
    digests, key = digests_of(message.meta, message.requests), signing_key(split_token(token)[1])
    verify(signature, TASK_CREATE, digests, key=key, now_s=signature.at_s, age_max_s=1)
    assert headers == {}


@pytest.mark.parametrize(
    ("kind", "bulk", "task", "queue"),
    [
        ("commit", False, TASK_CREATE, QUEUE_SINGLE),
        ("credit", True, TASK_CREATE, QUEUE_BULK),
        ("usage", False, TASK_RECORD, QUEUE_USAGE),
        ("usage", True, TASK_RECORD, QUEUE_USAGE),
    ],
)
def test_where_a_message_goes(kind: Kind, task: str, queue: str, *, bulk: bool) -> None:
    """Its kind names the task, and the queue is that of single requests unless nobody waits."""
    [message] = write_messages([{}], account="acme", kind=kind, bulk=bulk, validate=False)
    assert (message.task, message.queue) == (task, queue)
    read = read_envelope(message.meta, message.requests, kind="usage" if kind == "usage" else None)
    assert [each.kind for each in read.requests] == [kind]


def test_as_few_messages_as_they_fit_in() -> None:
    """In their order, each under an id of its own."""
    messages = write_messages([{}] * 1_100, account="acme", validate=False)
    assert [len(each.ids) for each in messages] == [500, 500, 100]
    assert len({one for each in messages for one in each.ids}) == 1_100
    assert write_messages([], account="acme") == []


def test_what_is_refused() -> None:
    """A body that breaks the rules, with its place; too few ids; no account; no token."""
    with pytest.raises(InvalidRequest) as refused:
        write_messages([REQUEST, {}], account="acme")
    assert refused.value.position == 1
    with pytest.raises(ValueError, match="argument 2"):
        write_messages([REQUEST, REQUEST], account="acme", ids=[new_id()])
    with pytest.raises(ValueError, match="account"):
        write_messages([REQUEST], account="")
    with pytest.raises(BadToken):
        sign(TASK_CREATE, "{}", "[]", "secret")


def test_what_the_package_names() -> None:
    """Each name of `__all__` is there, each by its own name."""
    assert {name: getattr(trueup, name).__name__ for name in trueup.__all__} == {name: name for name in trueup.__all__}
    assert Message is trueup.Message
