"""Property tests: cells that are told at a glance are those that the reader of CSV tells."""

from hypothesis import example, given
from hypothesis import strategies as st

from trueup.producer.files.tables.csv_cells import cells_of, usual_cells
from trueup.producer.files.tables.csv_records import _Quotes

_CHARACTERS = st.text(st.sampled_from(['"', ",", ";", "\t", "\r", " ", "\xa0", "\ufeff", "a", "é", "1"]))
_QUOTED = st.lists(_CHARACTERS.map(lambda text: text.replace('"', ""))).map(
    lambda cells: ",".join(f'"{cell}"' for cell in cells)
)
_LINES = (_CHARACTERS.map(str.encode) | _QUOTED.map(str.encode) | st.binary()).map(
    lambda line: line.replace(b"\n", b"")
)


@example(line=b"\xef\xbb\xbf", delimiter=",")
@given(line=_LINES.filter(bool), delimiter=st.sampled_from(",;\t"))
def test_usual_cells(line: bytes, delimiter: str) -> None:
    """A line is told at a glance as the reader tells it, and is one record; or it is left to the reader."""
    found = usual_cells(line, delimiter)
    if found is not None:
        assert found == cells_of(line, delimiter)
        assert _Quotes(delimiter).are_closed_in(line)


def test_what_is_told_at_a_glance() -> None:
    """Lines without quotes, and lines whose every cell stands in quotes."""
    assert usual_cells(b"a, b,,c", ",") == ["a", "b", "", "c"]
    assert usual_cells(b'"a,b"," c ",""', ",") == ["a,b", "c", ""]
    assert usual_cells(b'"a",b', ",") is None
    assert usual_cells(b'"a""b","c"', ",") is None
    assert usual_cells(b'","x"y"', ",") is None
