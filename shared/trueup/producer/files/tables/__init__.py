"""Tables: a header that names columns, and records of cells below it, whatever file they stand in.

A record that has another form than its table's is told of for itself; the records around it are read. Both passes over
a file find the same records with the same numbers.
"""
