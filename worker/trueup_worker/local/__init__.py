"""The embedded stack: real Postgres and Valkey out of wheels and the Procfile's processes, all in one data folder.

Invariants:

- One supervisor per data folder: whoever starts anything in it holds the folder's lock.
- Services listen on 127.0.0.1 only, on free ports outside the range that the system gives to outgoing connections,
  and ask for a random password that stands in a file of mode 0600. No Unix sockets, no standard ports.
- "Started" means that a real connection was answered. A service that dies is started again on the same port.
- What a killed supervisor left behind is found by what it works on (its working folder, its environment), never by a
  remembered process id alone, and is stopped before anything is started anew.
- Postgres never runs as root: the supervisor does, if it must.
"""
