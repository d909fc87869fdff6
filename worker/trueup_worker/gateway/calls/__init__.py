"""A call: its body, its scope, its route, and its retries."""
