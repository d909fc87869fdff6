"""Journal: what is booked, read in fixed orders from one snapshot, and the months that are closed."""
