"""What of publishing needs no broker."""

from datetime import UTC, datetime

import pytest

from trueup.broker.broker import broker_address
from trueup.clock import utc_now
from trueup.ids import new_id
from trueup.producer.bodies import InvalidRequest
from trueup.producer.client import CommitProducer
from trueup.producer.errors import DatabaseUnavailable
from trueup.producer.outcomes.undecided import UndecidedRequests
from trueup.producer.publish import BrokerUnavailable, Publisher
from trueup.producer.signer import Signer
from trueup.wire.message.envelope import QueuedRequest
from trueup.wire.message.names import SIGNATURE_HEADER, TASK_CREATE
from trueup.wire.message.signature import (
    BadToken,
    digests_of,
    new_token,
    parse_signature,
    signing_key,
    split_token,
    verify,
)

NOBODY = "redis://user:hunter2@127.0.0.1:1/0"  # nothing answers on port 1


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (NOBODY, "127.0.0.1:1"),
        ("redis://:pw@broker/3", "broker:6379"),
        ("amqps://u:p@rabbit:5000//", "rabbit:5000"),
        ("sentinel://:pw@one,two:26380/main", "one:26379,two:26380/main"),
        ("amqp://rabbit", "rabbit:5672"),
    ],
)
def test_addresses_hold_no_password(url: str, address: str) -> None:
    """Host and port, for people."""
    assert broker_address(url) == address


def test_a_signer_signs_what_the_worker_verifies() -> None:
    """With the key that the token's secret makes."""
    token = new_token()[0]
    key_id, secret = split_token(token)
    header = Signer.of_token(token).headers("{}", "[]", at=datetime(2026, 11, 22, tzinfo=UTC))[SIGNATURE_HEADER]
    signature = parse_signature(header)
    assert signature.key_id == key_id
    verify(signature, TASK_CREATE, digests_of("{}", "[]"), key=signing_key(secret), now_s=signature.at_s, age_max_s=1)


def test_secrets_stay_out_of_logs() -> None:
    """A signer's representation holds no key."""
    assert repr(Signer("ab12", b"secret")) == "Signer(key_id='ab12')"


def test_a_broker_that_is_down_is_named_without_its_password() -> None:
    """After the retries, and the producer can be used again."""
    with Publisher(NOBODY, account="acme", signer=None, retry_s=0.1) as publisher:
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1\b") as down:
            publisher.publish("{}", "[]", queue="commits")
        assert "hunter2" not in str(down.value)
        with pytest.raises(BrokerUnavailable):
            publisher.backlog("commits")


def test_an_invalid_request_is_refused_before_anything_is_sent() -> None:
    """The broker, which is down, is not even asked; of many, the one to blame is named."""
    with CommitProducer(broker_url=NOBODY, token=None, account="acme", retry_s=0.1) as producer:
        with pytest.raises(InvalidRequest):
            producer.submit({})
        with pytest.raises(InvalidRequest) as refused:
            producer.submit_many(iter(["{}", "{"]))
        assert refused.value.position == 0


def test_outcomes_need_a_database() -> None:
    """A producer with a broker alone says so at once."""
    with CommitProducer(broker_url=NOBODY, token=None, account="acme") as producer:
        with pytest.raises(DatabaseUnavailable, match="database_url"):
            producer.outcome(new_id())
        with pytest.raises(DatabaseUnavailable, match="database_url"):
            producer.wait([new_id()], timeout_s=60)


def test_a_wrong_token_is_refused_at_once() -> None:
    """Before any connection is made."""
    with pytest.raises(BadToken):
        CommitProducer(broker_url=NOBODY, token="secret", account="acme")


def test_kept_requests_are_bounded() -> None:
    """The oldest make room; what is decided is forgotten; what comes again counts once, and keeps its instant."""
    kept = UndecidedRequests(bytes_max=25)
    ids = [new_id() for _ in range(3)]
    requests = [QueuedRequest(str(request_id), "commit", None, "x" * 10) for request_id in ids]
    kept.add(requests[:2], anew_before=None)
    kept.add(requests[:1], anew_before=None)
    assert kept.of(ids) == {None: requests[:2]}
    instant = utc_now()
    kept.add(requests[2:], anew_before=instant)
    assert kept.of(ids) == {None: [requests[0]], instant: [requests[2]]}
    kept.drop(ids[:1])
    kept.drop(ids[:1])
    assert kept.of(ids) == {instant: requests[2:]}


def test_judged_anew_without_a_database() -> None:
    """Only the database's clock tells which refusals the sender knows: nothing is sent without it."""
    with CommitProducer(broker_url=NOBODY, token=None, account="acme", validate=False) as producer:
        with pytest.raises(DatabaseUnavailable, match="give database_url"):
            producer.submit({}, id=new_id(), anew=True)
        with pytest.raises(DatabaseUnavailable, match="give database_url"):
            producer.submit_many([{}], ids=[new_id()], anew=True)


def test_as_many_ids_as_bodies() -> None:
    """Ids that are given go with the bodies one to one, or nothing is sent."""
    with (
        CommitProducer(broker_url=NOBODY, token=None, account="acme", validate=False) as producer,
        pytest.raises(ValueError, match="argument 2"),
    ):
        producer.submit_many([{}, {}], ids=[new_id()])
