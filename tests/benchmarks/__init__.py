"""How fast Trueup is, measured: `python -m tests.benchmarks`, or `make bench`.

Everything runs on the embedded stack as `trueup up` runs it: real Postgres and Valkey with durable settings, real
Celery worker processes, one scheduler. The ways to store the same requests take turns in short slices, so that a
machine that gets slower or faster in between does so for all of them; what is compared is the median of the rounds'
ratios.

    a  naive     one Celery task per request: pydantic, SET NX, the ORM, commit; as a tutorial starts it, and tuned
    b  Trueup    a file from the start of its scan until its last outcome is committed
    c  ceiling   the same rows by the same statement, prepared beforehand, and nothing else

Creates over HTTP go through the gateway and through a bare FastAPI route that inserts by itself, in turn.

CPU is counted over whole process trees, ended children included. Nothing is estimated; what is reported was measured by
the run that wrote the report.
"""
