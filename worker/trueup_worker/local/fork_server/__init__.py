"""The fork server: worker processes that start from one process with everything imported."""
