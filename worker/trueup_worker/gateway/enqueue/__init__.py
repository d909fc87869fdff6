"""From calls to envelopes and back: `coalescer` is the entrance.

    lanes ─► sending ─► dispatch: by the event loop (redis_sender) or by a thread (sender)
                 └────► expiry ─► keep: what has no outcome in time is kept, and answered
    outcomes/           who waits, and how they hear of it

Invariants:
    * a call that was taken is answered, whatever is raised on its way: `answering`;
    * a call is told that it was not sent only where that is certain; else it is told its id;
    * a reply that is waited for ends with the connection that it was asked on.
"""
