"""Defaults of settings that functions have as the defaults of their arguments, too. Units come last in the names."""

STATEMENT_TIMEOUT_S = 40
QUEUE_LIMIT = 2_000  # envelopes
ISSUE_ROWS = 500
USAGE_GRACE_H = 24
OUTCOME_BODY_DAYS = 30
HTTP_HEADERS_S = 10.0
EVENTS_DAYS = 30
PARKED_DAYS = 90
WEBHOOK_RETRIES = "5s,5m,30m,2h,5h,10h,14h,20h,24h"
