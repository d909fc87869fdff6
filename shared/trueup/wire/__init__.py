"""Things that travel: commit and credit requests, lines of usage, their envelope, their errors. No I/O, no settings.

What always holds here:

- Whatever text comes in, `request.read.read_body` answers with a valid body or with a non-empty list of problems. It
  never raises, never hangs, and names all problems of a body in one pass.
- A number is a `Decimal` from the wire on; it never passes through a binary float.
- A problem has a stable code (`problems.CODES`) and the JSON Pointer of the place.
- A field's own rules live in its type (`values`, `request.body`), a rule across fields is one named function
  (`request.rules`); it is judged exactly when every value that it reads is present and valid.
- Two requests that mean the same have the same normal form, hence the same fingerprint (`request.normal`).
"""
