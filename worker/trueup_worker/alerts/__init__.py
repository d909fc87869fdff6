"""Alerts: what somebody wants to know before it happens, or as soon as it does."""
