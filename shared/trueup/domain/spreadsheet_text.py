"""Text that a spreadsheet takes as text: for CSV that people open, never for files that are read again. Pure."""

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_text(text: str) -> str:
    """Cell of a text: one that would begin a formula gets an apostrophe before it, which spreadsheets do not show.

    Numbers are no texts: -5 stays -5.
    """
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) else text
