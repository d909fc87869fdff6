"""What a kind of fault is."""

from collections.abc import Callable
from random import Random

from tests.chaos.world import World

Fault = Callable[[World, Random], str]
"""Does its harm and says, in a few words, to whom; it repairs nothing that the system must repair by itself.

What it ends by itself (a full disk is freed, a frozen service goes on) it ends before it returns, whatever happens
meanwhile. A promise that is broken while it lasts it tells as an `AssertionError`, which the round reports.
"""
