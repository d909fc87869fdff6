"""The workers' app with the order "commit, then ack" inverted: a check of the checks."""

from worker.app import app

__all__ = ["app"]

app.conf.task_acks_late = False
