"""Postgres itself: engine and unit of work, retries, the faults it reports, the schema it must have, its roles."""
