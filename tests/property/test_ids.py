"""Ids of a batch's rows."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from trueup.ids import row_id, row_id_texts, row_of

ROWS = st.integers(min_value=0, max_value=2**30 - 1)


@given(st.uuids(), ROWS, ROWS)
def test_a_row_and_its_id_belong_together(batch_id: UUID, row: int, other: int) -> None:
    """An id is a UUID of version 8 that gives its row back, ascends with it, and has one text."""
    made = row_id(batch_id, row)
    assert (made.version, row_of(made)) == (8, row)
    assert row_id_texts(batch_id)(row) == str(made)
    assert (made < row_id(batch_id, other)) == (row < other)
