"""Parked requests: kept with their bytes and their reason until an operator replays or discards them."""
