"""A Django application whose deals become commits in Trueup."""
