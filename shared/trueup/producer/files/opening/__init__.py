"""Opening: whatever was named becomes UTF-8 bytes that can be read twice, of a known format.

What can be read only once is copied first; what changes between two passes is noticed; what is no text, or says another
encoding, is refused with what to do.
"""
