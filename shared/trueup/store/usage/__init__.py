"""Rated usage: lines, the months that they are in, and the periods that closing makes of them."""
