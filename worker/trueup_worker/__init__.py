"""The service: one Procfile line per process."""
