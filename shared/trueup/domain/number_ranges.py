"""Numbers as ranges: those of ten thousand invoices are a line."""

from collections.abc import Iterable

Range = tuple[int, int]
"""The first and the last of numbers without a gap."""


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """The ranges of numbers, each once, ascending."""
    return merged((number, number) for number in numbers)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Ranges that may touch or overlap as ranges with gaps between them, ascending."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def count_of(ranges: Iterable[Range]) -> int:
    """Count the numbers in ranges with gaps between them."""
    return sum(last - first + 1 for first, last in ranges)


def ranges_text(ranges: Iterable[Range]) -> str:
    """Ranges as people write them: `3, 5-9`."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
