"""Events on their way out: positions in the feed, batches that are complete; what is past its term goes."""
