"""Scheduling: what is due becomes tasks; nothing is decided here.

Invariants:
    * the schedule lives in Postgres: a look is one index probe per account, however long the future is;
    * the scheduler keeps no state: any number of them, and none for a month, come to the same invoices, because a task
      claims rows and finds none where another was first;
    * a message names an account, never a row: a lost, doubled or late one costs a moment, not an invoice;
    * the queue stays short: what is on it is one round, a turn for each account, and the next begins when it is taken.
"""
