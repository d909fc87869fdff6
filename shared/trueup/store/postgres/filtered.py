"""Statements with optional filters: each asks for what is given and nothing else, so that its index is used.

Under a generic plan `CAST(:x AS uuid) IS NULL OR column = :x` may be true of every row, and reads them all.
And where `:limit` is unknown, the planner takes it for a tenth of the table: it stands in the statement as a number.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Integer, TextClause, bindparam

_LIMIT = bindparam("limit", type_=Integer, literal_execute=True)


class Filtered:
    """A statement for each set of filters that is given.

    Args:
        statement: makes it, given the conditions: each with `AND` before it, none where no filter is given.
        filters: the condition of each parameter that may be left out.
    """

    def __init__(self, statement: Callable[[str], TextClause], filters: Mapping[str, str]) -> None:
        self._statement, self._filters = statement, filters
        self._made: dict[tuple[str, ...], TextClause] = {}

    def given(self, parameters: Mapping[str, object]) -> TextClause:
        """The statement that filters by those of these parameters that are neither None nor False."""
        names = tuple(each for each in self._filters if parameters.get(each) not in (None, False))
        if names not in self._made:
            made = self._statement("".join(f"\n       AND {self._filters[each]}" for each in names))
            self._made[names] = made.bindparams(_LIMIT) if ":limit" in made.text else made
        return self._made[names]
