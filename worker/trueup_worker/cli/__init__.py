"""The command `trueup`: a room for each group of its help, a file for each command or noun.

Invariants:
    * what was asked for goes to stdout, everything else to stderr; `--json` prints one JSON document (`validate`: one
      line per row), with exact numbers and times in UTC;
    * nothing that a user can cause ends in a traceback: `terminal.exits` maps every expected error to a message and a
      code;
    * options that choose the stack and the account stand before or after the command's name alike;
    * a command that reads or changes an account's rows first shows a token with the fitting scope;
    * a command's module is imported when that command runs: `trueup --help` imports none of them.
"""
