"""Celery's own idea of a request, made of what was judged: nothing is decoded a second time."""

from typing import Any

from celery import Task as CeleryTask
from celery.worker.request import Request as CeleryRequest
from kombu.message import Message


class Request(CeleryRequest):  # type: ignore[misc]
    """A request whose arguments were read before Celery was asked."""

    def __init__(self, message: Message, **given: Any) -> None:
        super().__init__(message, **{**given, "body": message.payload, "decoded": True})


class Task(CeleryTask):  # type: ignore[misc]
    """Base of all our tasks."""

    Request = "trueup_worker.celery.request:Request"
