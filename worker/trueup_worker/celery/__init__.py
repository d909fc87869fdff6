"""Celery: the app and its settings, and the judgement of every message before a task of ours begins.

Invariants:
    No message ends a worker. Everything about one that Celery or kombu would look at (headers, properties, markers of
    content and compression, the embed, the element of the list itself) is judged here first, whoever signed it; Celery
    sees what was written here, not what came.
    Nothing is decoded before its size is bounded: the element as it lies on the list, the body as it unfolds.
    What is refused is parked; what cannot be parked now goes back to its queue. Nothing is dropped.
    A message that was taken is noted, by its content, until it is acknowledged or given back: what remains is deaths.
"""
