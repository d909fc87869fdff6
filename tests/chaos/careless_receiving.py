"""Applications that keep a copy without care: checks of the checks.

`python -m tests.chaos.careless_receiving out_of_order FOLDER` keeps whatever came last; `forgetful` answers 204 for a
delivery that it does not keep.
"""

import sys
from pathlib import Path

from tests.chaos import receiving


class Forgetful(receiving.Copy):
    """Keeps all but each twentieth delivery."""

    kept = 0

    def keep(self, account: str, delivery_id: str, body: str) -> None:
        """As told."""
        self.kept += 1
        if self.kept % 20:
            super().keep(account, delivery_id, body)


if __name__ == "__main__":
    what, folder = sys.argv[1:]
    if what == "out_of_order":
        vars(receiving)["_LATEST"] = receiving._LATEST.partition(" WHERE ")[0]
    receiving.main(Path(folder), copy=Forgetful if what == "forgetful" else receiving.Copy)
