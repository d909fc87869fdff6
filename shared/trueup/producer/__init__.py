"""Producers: the clients, and streaming readers for files of requests.

Invariants:
    * a body's text is sent as it was given: it is looked at, never parsed and dumped again;
    * reading takes the same memory for a file of any size, with lines of any length;
    * input that cannot be read is found by the first pass, before anything is sent; a row that is wrong is sent like
      any other, so that it gets its outcome;
    * an event loop never waits for a broker or a database: threads do;
    * a message that may or may not have arrived is sent again as the same bytes, under the same ids: harmless.
"""
