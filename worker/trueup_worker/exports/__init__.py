"""Exports: rows of an account for other programs, one file each, streamed from one moment.

Invariants:
    * an export reads one snapshot, by a cursor of the server: memory stays flat, whatever is written meanwhile;
    * rows and columns have a fixed order: the same state gives the same bytes;
    * amounts keep every digit, in the unit that stands beside them; times are UTC;
    * a text cell of CSV that a spreadsheet would take for a formula is written so that it is none.
"""
