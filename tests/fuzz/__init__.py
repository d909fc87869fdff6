"""Fuzzing of the queue: messages that nobody would think of, beside good ones, to a real worker.

    python -m tests.fuzz --seconds 120

Each batch is drawn by its own seed, sent over all queues, and must leave the worker alive and small, every queue empty,
nothing held or noted, every good request with its commit, and every other message either decided or parked.
"""
