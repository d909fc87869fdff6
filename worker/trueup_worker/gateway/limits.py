"""The gateway's bounds, with their reasons. What a request may hold stands in `trueup.limits`."""

from trueup.limits import TYPESETTING_S

IDLE_SECONDS_MAX = 30  # of a connection between two calls; longer than clients keep theirs in a pool
EXPORTS_MAX = 2  # that a process streams at once, each of another account
EXPORT_SECONDS_MAX = 1_800  # for all of one: as long as it lasts, the database keeps what was true when it began
THREADS_MAX = 8  # calls that read or change something at once; half of them for one account, the others wait
KEEPING_THREADS_MAX = 4  # that keep envelopes
ASKING_THREADS_MAX = 2  # that look tokens up
HEALTH_SECONDS_MAX = 2  # for what is asked so that a probe can be answered
ROUND_TRIP_SECONDS = 10.0  # for this long after something passed the way to a worker and back counts as open
PROBES_MAX = 100  # that wait for a worker, of all gateways together; no more are sent
OVERDUE_SECONDS = 10.0  # how far beyond all that it waits for a call may be before it counts as stuck
SPOOLED_FILES_MAX = 64  # uploads of a process that lie on disk at once; half of them one account's
TOKEN_SECONDS_MAX = 1.0  # for this long a token that was good is good, whatever happens to it
TOKENS_MAX = 10_000  # remembered at once
STOP_SECONDS_MAX = 2.0  # when told to stop: what has no outcome by then is kept, and answered with 202
FAREWELL_SECONDS = 2.0  # when told to stop: for so long an idle connection is open for a call that is being sent
SEND_SECONDS_MAX = 1.0  # how long a lost connection to the broker is tried again
POLL_SECONDS = 0.5  # how often who waits is looked after when Redis says what was decided
POLL_SECONDS_ALONE = 0.02  # and when nothing does
REQUEST_ID_CHARS_MAX = 128
PATH_CHARS_MAX = 200  # of what is said back, or to the log, about a path that a caller made up
ENVELOPES_MAX = 2  # of one token that are undecided before the next calls gather: as many as workers take at once
TURN_SECONDS_MAX = 0.1  # for so long at most
HEADERS_BYTES_MAX = 65_536  # of one call, beyond the piece in which they begin
NOTING_CONNECTIONS_MAX = 4  # to the database, for tries of creates; a note is there for a flush of the disk
NOTING_PAUSE_SECONDS = 0.1  # before a note is tried again
TYPESETTERS = 2  # processes that set PDF, one document each: an account has one of them at most
TYPESETTING_WAIT_S = 2.5 * TYPESETTING_S  # for a document's turn and itself: others' may take all that they may
