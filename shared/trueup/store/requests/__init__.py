"""Requests from the moment they are kept until they have an outcome, or are parked."""
