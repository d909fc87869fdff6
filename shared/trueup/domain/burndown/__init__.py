"""Burn-down: which balance pays for which usage.

A pure function of (usage lines, balances, catalog): no clock, no I/O, no state between calls. `engine.burn_down` takes
every line apart into receipts: so much of this line was paid by this segment, for this reason, and that much by none.

What always holds:

- Order. Lines are served one after the other in a total order (`order.line_order`), and each draws on the balances that
  apply to it in a total order (`order.balance_order`, eleven criteria). No two different balances compare equal, and no
  two lines that do not belong to the same aggregate, so neither the order of arrival nor the hash seed of the process
  changes a receipt.
- Nothing is lost. The quantities of a line's receipts add up to the quantity of the line. Where only list-rate balances
  paid, drawn + overage = usage, to the last digit.
- Nothing is overdrawn. What is drawn from a segment is the sum of its receipts, and with what is left it makes what was
  available. A balance never falls below 0, and one that is used up is drawn to exactly 0. A negative one counts as 0.
- Arithmetic is exact: integers as long as that is possible, fractions from the first line on that a balance covers in
  part. Nothing is rounded here; whoever makes invoice lines rounds once, with `exact.rounded` or `exact.rounded_parts`.
- Aggregates. Lines of one hour and kind may be added up beforehand, in any way, without changing a result, because the
  bounds of access lie on whole hours and lines of one kind stand next to each other in the order.
- Money and units. A SPEND balance pays prices in its own unit. A QUANTITY balance pays one of its units for each unit
  of usage, whatever the price is counted in. So all units of a customer belong in one run, as do all contracts.

What is not guaranteed:

- That drawn + overage = usage in money once a COMMIT_RATE balance paid at another price than the list's, or a QUANTITY
  balance paid in units: then only the quantities add up.
- That rounded amounts of several invoice lines add up to the rounded sum: `exact.rounded_parts` is for that.
- That burning two months down at once is, in the twelfth decimal, what burning down the second one gives after the
  first was booked: booked amounts are rounded, and fractions are not carried over.
- That a smaller usage elsewhere leaves a line's receipts alone: every line counts on what those before it left.
"""
