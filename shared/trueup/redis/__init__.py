"""Redis: a lean connection, and the cache of used uniqueness keys. Losing all of it loses no commit."""
