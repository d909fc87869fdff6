"""Commands for requests: judge, send, follow, release."""
