"""Brokers: putting a message on a queue, on Redis in one command, on others by way of Celery."""
