"""The way back: who waits for which outcome, hints that it is there, and whether that way is open."""
