"""The HTTP gateway: Metronome's SDKs work against it.

What always holds here:
    * commits come into being through the queue only: a create is an envelope like any producer's, signed under the
      caller's own key, and answered with its outcome;
    * a body is passed on as it came, never parsed and dumped again;
    * a call that waits holds no thread: whoever sends takes all that is there, and one reader reads for all who wait;
    * what was answered with 202 is kept in Postgres; what was sent and has no answer in time becomes so;
    * every route names its scope in one table, and without an entry there the gateway does not start;
    * what belongs to another account is missing: the same 404.
"""
