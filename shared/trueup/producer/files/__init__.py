"""Files of requests: JSON, CSV and workbooks become the rows that are sent.

`rows` reads a file in two passes, as `reading` says; `suggestion` writes a first mapping. From top to bottom:
`requests` makes rows of records, lines and elements; `doubts` finds what may be meant otherwise, before anything is
sent; `tables` finds header, records and cells; `opening` gives the bytes of whatever was named, and tells their format;
`mapping` and `columns` say what a column fills. Each knows only those below it.
"""
