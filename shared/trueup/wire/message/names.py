"""Names on the wire: tasks, queues, headers, the channel of outcomes. They never change: other languages use them."""

TASK_CREATE = "commits.create"
TASK_RECORD = "usage.record"
TASK_ISSUE = "invoices.issue"
TASK_ALERT = "alerts.give"
TASK_DELIVER = "events.deliver"
TASK_PROBE = "trueup.probe"  # answered by whoever takes commits, with a hint, and with nothing else

QUEUE_SINGLE = "commits"
QUEUE_BULK = "commits.bulk"
QUEUE_USAGE = "usage"
QUEUE_INVOICES = "invoices"
QUEUE_EVENTS = "events"
QUEUE_MAINTENANCE = "maintenance"
QUEUE_PROBES = "probes"
ENVELOPE_QUEUES = (QUEUE_SINGLE, QUEUE_BULK, QUEUE_USAGE)
QUEUES = (*ENVELOPE_QUEUES, QUEUE_INVOICES, QUEUE_EVENTS, QUEUE_MAINTENANCE, QUEUE_PROBES)

SIGNATURE_HEADER = "trueup-signature"
ATTEMPT_HEADER = "trueup-attempt"
REQUEST_ID_HEADER = "trueup-request-id"  # of the calls that an envelope came from, for the log alone; commas between
DONE_CHANNEL = "trueup:done:{account}"  # Redis pub/sub: ids that have an outcome, a hint
