"""HTTP itself: connections, access log, encoding, refusals."""
