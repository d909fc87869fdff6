"""Every bound of the system, named, with its reason. Units come last in the names."""

# The request (what one body may hold).
BODY_BYTES_MAX = 256 * 1024
SCHEDULE_ITEMS_MAX = 1_200  # a hundred years of months
LIST_ENTRIES_MAX = 500
NAME_CHARS_MAX = 1_000
DESCRIPTION_CHARS_MAX = 10_000
TEXT_CHARS_MAX = 1_000  # tags, group keys and values, custom-field keys and values
EXTERNAL_ID_CHARS_MAX = 255
KEY_CHARS_MAX = 128
IDEMPOTENCY_KEY_CHARS_MAX = 255
PROBLEMS_MAX = 100  # reported one by one; the rest is counted

# Numbers.
DIGITS_BEFORE_POINT_MAX = 18
DECIMALS_MAX = 12

# The envelope (one message on the queue).
ENVELOPE_REQUESTS_MAX = 500  # the knee of the insert's cost curve
ENVELOPE_BYTES_MAX = 1024 * 1024
META_BYTES_MAX = 16 * 1024  # of an envelope's first argument
EXPANDED_ROWS_MAX = 20_000  # segments and obligations that one transaction writes: half a second, 40 MB of a worker
TURN_S = 1.0  # after which an envelope of several transactions gives its worker back, and comes again for the rest
FOUND_CHARS_MAX = 500  # what is said of a row whose form is wrong
RAW_EXCERPT_BYTES = 4 * 1024  # what travels of a row that is too large

# Keys of a file, held against each other before it is sent.
KEYS_COMPARED_MAX = 4_000_000  # 32 MB

# Mappings of tables, and what they look up.
MAPPING_BYTES_MAX = 1024 * 1024
MAPPING_FIELDS_MAX = 1_000
MAPPING_SKIPS_MAX = 100
MAPPING_TABLE_ENTRIES_MAX = 20_000
LOOKUPS_MAX = 100_000  # different ones of a batch: 20 MB while it is read
LOOKUP_CANDIDATES_MAX = 5  # that are told of one that is ambiguous

# Workbooks (.xlsx), unpacked.
SHEET_BYTES_MAX = 1024 * 1024 * 1024  # a million rows of 20 cells; read in a stream
SHARED_STRINGS_BYTES_MAX = 64 * 1024 * 1024  # held while a sheet is read: about twice as much
SHARED_STRINGS_MAX = 4_194_304  # four of its own in each row
WORKBOOK_PART_BYTES_MAX = 8 * 1024 * 1024  # of styles, and of the list of sheets
WORKBOOK_PARTS_MAX = 10_000
WORKBOOK_RATIO_MAX = 200  # a sheet of the same row over and over is packed to a fiftieth
SHEET_ROWS_MAX = 1_048_576  # what a spreadsheet has itself
SHEET_COLUMNS_MAX = 16_384  # likewise

# The message (what carries an envelope through the broker).
MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # of its body, unfolded: an envelope's text, each character escaped where need be
ELEMENT_BYTES_MAX = 6 * 1024 * 1024  # as it lies on a Redis list: such a body in base64
BROKER_BULK_BYTES_MAX = 8 * 1024 * 1024  # what a broker takes at once: above what it holds of ours by itself
DECOMPRESSION_WINDOW_LOG2_MAX = 23  # 8 MiB: what the best levels ask for of texts of this size
CELERY_ID_CHARS_MAX = 255
TASK_ARGUMENTS_MAX = 8
CALL_IDS_CHARS_MAX = 1_000  # in an envelope's header: those of 27 calls, where the gateway made them
NOTED_S = 86_400  # for so long a message that a worker died of is remembered by the broker

# Parked messages that nobody can be asked about.
UNAUTHENTICATED_BYTES_MAX = 64 * 1024
UNAUTHENTICATED_ROWS_MAX = 10_000

# What an account has parked.
PARKED_BYTES_MAX = 256 * 1024 * 1024  # kept whole; from there on by its beginning, and beyond twice that only counted
PARKED_EXCERPT_BYTES = 1024

# Times and tries.
IDEMPOTENCY_DAYS = 7
TRANSIENT_TRIES_MAX = 5
TRANSIENT_SECONDS_MAX = 30
DELIVERIES_MAX = 5
DELIVERIES_WHOLE_MAX = 2  # of an envelope whose worker died; from the next on it is halved
LEASE_S_MAX = 3_600  # of a kept envelope without outcomes, however often it was published
RETRY_MINUTES_MAX = 10  # for so long a client's own retry over HTTP gets what its first try made
TIDIED_ROWS_MAX = 1_000  # old rows that one look of the scheduler removes
TIDIED_TRIES_MAX = 5_000  # likewise, of creates over HTTP: more than come meanwhile
SWEEP_ENVELOPES_MAX = 50  # that one sweep takes

# Events.
RELAYED_ROWS_MAX = 1_000  # outbox rows that one transaction places in the feed
RELAYED_ROUNDS_MAX = 20  # such transactions of one look of the scheduler
BATCHES_COUNTED_MAX = 100  # batches whose outcomes one look of the scheduler counts
BATCHES_COUNTED_S = 0.3  # of a look, after which it begins with no other
BATCHES_PAUSE_SHARE = 30  # times as long as it took to count a batch it is left alone
TRIMMED_ROWS_MAX = 500  # outbox rows that one look removes; each may hold 500 ids
EVENTS_PAGE_MAX = 1_000

# Exports.
EXPORTED_ROWS_AT_ONCE = 2_000  # held in memory, and written as one piece

# Webhooks: what an attempt may cost.
WEBHOOK_CONNECT_S = 5.0
WEBHOOK_SECONDS_MAX = 15.0  # an attempt, from the name to the end of what is read
WEBHOOK_ANSWER_BYTES = 4 * 1024  # that are read of an answer
WEBHOOK_ANSWER_CHARS_KEPT = 500
WEBHOOK_BODY_BYTES_MAX = 256 * 1024  # above, a delivery goes without the object
WEBHOOK_URL_CHARS_MAX = 2_000
WEBHOOK_OBJECTS_S = 3.0  # that a statement may take which reads what events are about
WEBHOOK_OBJECTS_QUICK_S = 0.5  # reading them costs an account nothing, if it takes no longer
WEBHOOK_OBJECTS_PAUSE_SHARE = 10  # times as long as it took else, its events of this kind go without
# Webhooks: what endpoints share of a worker.
WEBHOOK_CONCURRENCY = 16  # attempts that a worker makes at once at an endpoint that answers quickly
WEBHOOK_CONCURRENCY_SLOW = 8  # at one that answers slowly; at one that fails, or is not known yet, it is one
WEBHOOK_CLAIMS_AHEAD = 64  # deliveries that are claimed for a quick one
WEBHOOK_CLAIMS_AHEAD_MAX = 256  # where few others are quick: a claim costs as much as some deliveries
WEBHOOK_QUICK_S = 1.0  # an attempt that takes longer makes its endpoint a slow one
WEBHOOK_ATTEMPTS_MAX = 2_000  # at once, of a worker: each has a connection
WEBHOOK_ATTEMPTS_YOUNG_MAX = 256  # of these, in their first second
WEBHOOK_ATTEMPTS_SLOW_MAX = 1_500  # of these, at endpoints that are not quick: a thousand may be down at once
WEBHOOK_FILES = 4_096  # that a worker may have open, where the system lets it
WEBHOOK_LEASE_S = 60.0  # after which a delivery that was claimed and has no outcome is due again
WEBHOOK_TURN_S = 60.0  # of a task, after which it claims only what ends soon
WEBHOOK_LOOK_S = 0.25  # between looks for what is due while attempts are made
WEBHOOK_BUSY_PER_S = 100  # deliveries of a worker whose host has no time to spare: a twentieth of two processors
WEBHOOK_RECORD_S = 0.03  # for which outcomes are gathered, to be recorded together
# Webhooks: what is kept.
WEBHOOK_ENDPOINTS_MAX = 50  # of an account
WEBHOOK_EXPANDED_MAX = 500  # events that one transaction makes deliveries of
WEBHOOK_UNTRIED_MAX = 1_000  # deliveries of an endpoint that wait for their first attempt: the rest waits in the feed
WEBHOOK_WAITING_MAX = 20_000  # deliveries of an endpoint that wait at all
WEBHOOK_FAILING_DAYS = 5  # after which an endpoint is switched off; as long without an attempt, it begins anew
WEBHOOK_FAILING_TOLD_S = 15 * 60.0  # after which an endpoint that takes nothing is told as failing
WEBHOOK_OVERDUE_TOLD_S = 2 * 60.0  # for which something is due and nobody tries it, from when on that is told
WEBHOOK_OVERLAP_H = 24  # for which a secret that was rotated signs beside the new one
WEBHOOK_SECRETS_MAX = 5  # that sign at once: the last one, and those whose overlap lasts
WEBHOOK_RESENT_MAX = 10_000  # deliveries that one call sends again

# Usage.
USAGE_PUT_OFF_H_MAX = 24  # lines put the closing of a month that was over off for so long, and all later months with it

# Invoicing.
ISSUE_TURN_S = 3.0  # of an account, after which its task begins nothing new: others' invoices are due as well
PROBED_ROWS_MAX = 100  # that wait for months, before a quick look gives an account up
LOOKED_AT_MAX = 1_000  # accounts, of those in which something came and of those for which it is time
CHANGES_TAKEN_MAX = 5_000  # notes of such accounts that a look takes: one of each transaction that brought something
LOOKED_AT_AGAIN_H = 6  # after which an account is looked at though nothing came: a setting may be another
OVERLOOKED_PAUSE_S = 3600.0  # between two times that every account is asked whether a look will come to it in time
WHOLE_LOOK_S = 30.0  # between looks that give nothing up: how late what stands behind so many that wait may be done
MONTH_PAUSE_S = 30.0  # after a failed try of a month, and twice that after the second: what was slow may have passed
ISSUE_ATTEMPTS_MAX = 3  # of one obligation, before it is parked

# Alerts.
ALERT_THRESHOLDS_MAX = 20  # of one kind
ALERT_DAYS_MAX = 3_650
ALERTS_ROWS_MAX = 2_000  # alerts by time that one transaction gives
ALERTS_TRUE_UPS_MAX = 20  # of these true-ups: what each would bill costs a burn-down
ALERTS_TURN_S = 3.0  # of an account, after which its task begins nothing new
ALERTS_PAUSE_S = 2.0  # between the scheduler's looks for accounts with alerts
ALERTS_SETTLE_S = 60.0  # that a writer has between its first statement and its first write: it may read for 40 s
USAGE_GATHERED_S = 10.0  # before it is held against balances: what else comes costs nothing more
USAGE_ARRIVALS_MAX = 1_000  # transactions' usage that is added up at once
BALANCE_PAUSE_S = 60.0  # between two judgements of a customer's balances
BALANCE_PAUSE_SHARE = 20  # times as long as a judgement took is the pause after it, where that is longer
COMMITS_COUNTED_MAX = 1_000  # of a customer, to see whether there is a new one: with more every change is judged

# Documents.
PARTY_CHARS_MAX = 1_000  # of a text about seller or customer on an invoice
PARTY_LINES_MAX = 12  # of such a text
SHOWN_FIELDS_MAX = 20  # custom fields that invoices show
PAYMENT_DAYS_MAX = 3_650  # from an invoice to its due date
LOGO_BYTES_MAX = 256 * 1024  # as it is kept, in PNG
LOGO_UPLOAD_BYTES_MAX = 5 * 1024 * 1024
LOGO_PIXELS_MAX = 25_000_000
DOCUMENT_LINES_MAX = 5_000  # what the others come to stands in one more
DOCUMENT_CHARS_MAX = 4_000_000  # of its lines
TYPESETTING_S = 20.0  # that one document may take
