"""Admit: who sent an envelope, whether it is one, and how often it came."""
