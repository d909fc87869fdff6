"""Puts one commit request on Trueup's queue without any of Trueup's code: redis, and the standard library.

    TRUEUP_BROKER_URL=redis://… TRUEUP_TOKEN=tu_… python enqueue.py < request.json

Prints the request's id: the id of the commit that it makes, and what `trueup requests show` takes.
"""
# ruff: noqa: INP001

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime

import redis

TASK = "commits.create"
QUEUE = "commits"  # for bulk: "commits.bulk"


def sign(meta: str, requests: str, token: str) -> str:
    """The header that vouches for the task's name, the time, and both arguments as they travel."""
    _, key_id, secret = token.split("_")
    seconds = str(int(time.time()))
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (meta, requests)]
    key = hmac.digest(secret.encode(), b"trueup-queue-v1", "sha256")
    mac = hmac.digest(key, "\n".join(["v1", TASK, key_id, seconds, *digests]).encode(), "sha256")
    return f"v1,{key_id},{seconds},{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def celery_message(meta: str, requests: str, signature: str) -> str:
    """Celery's protocol 2, as its Redis transport expects it in a list."""
    task_id = str(uuid.uuid4())
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps([[meta, requests], {}, {}]).encode()).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {
                "lang": "py",
                "task": TASK,
                "id": task_id,
                "root_id": task_id,
                "trueup-signature": signature,
            },
            "properties": {
                "correlation_id": task_id,
                "body_encoding": "base64",
                "delivery_mode": 2,
                "delivery_tag": str(uuid.uuid4()),
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
            },
        }
    )


def main() -> None:
    """Send what stands on standard input; the body's text is pasted, so that no digit of a number is touched."""
    request_id, body = str(uuid.uuid4()), sys.stdin.read()
    account = os.environ.get("TRUEUP_ACCOUNT", "default")
    meta = json.dumps({"v": 1, "account": account, "sent_at": datetime.now(UTC).isoformat()})
    requests = f'[{{"id":"{request_id}","kind":"commit","body":{body}}}]'
    signature = sign(meta, requests, os.environ["TRUEUP_TOKEN"])
    with redis.Redis.from_url(os.environ["TRUEUP_BROKER_URL"]) as broker:
        broker.lpush(QUEUE, celery_message(meta, requests, signature))
    sys.stdout.write(f"{request_id}\n")


if __name__ == "__main__":
    main()
