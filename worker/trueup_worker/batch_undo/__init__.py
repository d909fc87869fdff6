"""A batch is taken back: closed first, then what it made is archived where that has had no consequence.

    close (alone) ─► 500 commits: lock ─► judge ─► void, archive ─► count    (again until none is left) ─► audit, event

Invariants:
    * once the batch is closed, no request of it becomes a commit, however it arrives;
    * what is archived had no consequence in the transaction that archives it; the rest is told, with its reason;
    * each group of commits is one transaction, which counts what it did: killed anywhere and run again, an undo ends as
      if nobody had killed it, with one audit row and one event;
    * a run that finds nothing to do changes nothing.
"""
