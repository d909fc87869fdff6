"""Uploads: files over HTTP, spooled and taken in as batches."""
