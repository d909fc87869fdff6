"""Alerts: what time brings about, and how far balances are used up.

Invariants:
    * nothing is written when a commit is made: what falls due is found by the indexes of segments and obligations, from
      where the account's clock was last judged up to its present;
    * what fell due is told in the transaction that notes it, once for each subject and instant: a moved end is another
      instant, and what was told of the old one is not told again;
    * what fell due before it came to be is not told: it began, or ended, with its creation;
    * of a balance each threshold is told once, and again only after it rose above, or a new segment began.
"""
