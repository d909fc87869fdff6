"""Callers: who they are, and how often they may call."""
