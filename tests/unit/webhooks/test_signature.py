"""Signatures, checked by the official library of Python, and by Node's own means."""

import subprocess
from datetime import timedelta
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from trueup.clock import utc_now
from trueup_worker.webhooks.signature import new_secret, signed_headers

BODY = '{"type":"commit.created","data":{"name":"Größe 😀"}}'.encode()
NODE = """
const crypto = require('crypto')
const [secret, id, timestamp, signatures, body] = process.argv.slice(1)
const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
const expected = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
const good = signatures.split(' ').some(each => {
  const [version, value] = each.split(',')
  const given = Buffer.from(value, 'base64')
  return version === 'v1' && given.length === expected.length && crypto.timingSafeEqual(given, expected)
})
process.exit(good ? 0 : 1)
"""


def test_both_secrets_sign_while_they_are_rotated() -> None:
    """A receiver that knows either of them takes the delivery; one that knows neither does not."""
    old, new = new_secret(), new_secret()
    headers = signed_headers(uuid4(), BODY, signing=[new, old], at=utc_now())
    for known in (old, new):
        assert Webhook(known).verify(BODY, headers)["type"] == "commit.created"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_a_body_that_was_changed_is_refused() -> None:
    """As is one whose id was, and what is sent again an hour later."""
    secret, delivery_id = new_secret(), uuid4()
    headers = signed_headers(delivery_id, BODY, signing=[secret], at=utc_now())
    old = signed_headers(delivery_id, BODY, signing=[secret], at=utc_now() - timedelta(hours=1))
    for body, sent in ((BODY + b" ", headers), (BODY, headers | {"webhook-id": str(uuid4())}), (BODY, old)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, sent)


@pytest.mark.slow  # needs Node, which `make test` does not
def test_node_checks_it_as_well() -> None:
    """As the guide shows it."""
    secret = new_secret()
    headers = signed_headers(uuid4(), BODY, signing=[new_secret(), secret], at=utc_now())
    values = [headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]
    for known, code in ((secret, 0), (new_secret(), 1)):
        ran = subprocess.run(["node", "-e", NODE, known, *values, BODY.decode()], check=False)
        assert ran.returncode == code
