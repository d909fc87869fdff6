"""Blocking database work on behalf of an event loop."""
