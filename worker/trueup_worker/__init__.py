"""What runs: one Procfile line per process."""
