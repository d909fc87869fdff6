"""Roles of the database: their names, their grants, and the one that is connected."""
