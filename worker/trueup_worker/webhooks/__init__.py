"""Webhooks: events that an account's endpoints ask for, sent until they are taken.

Invariants:
    * an event becomes one delivery per endpoint that asks for it, in the transaction that moves the endpoint's place in
      the feed: none is lost or doubled, however often a worker dies;
    * a delivery's bytes are fixed before its first attempt, and the same at every later one, as is its `webhook-id`;
    * an attempt ends within its deadline, whatever the other side does, and holds no transaction;
    * a connection goes to an address that was judged, and to no other: the name is resolved once for both;
    * an endpoint that is slow or down holds few attempts, others have room of their own.
"""
