"""Doubts about a file, told before anything is sent: damaged values, such as can be read in two ways, repeated keys."""
