"""Pure rules on exact values; the standard library only.

What always holds here:

- Money is `Decimal`, computed in one context that is wide enough for every product and refuses to round (`money`).
- A recurring schedule expands to the same charges whoever asks, whenever: occurrences are counted from the anchor
  in UTC, and the shares of a divided charge add up to it exactly (`schedule`).
- Time is aware, UTC, and passed in; intervals are half-open.
"""
