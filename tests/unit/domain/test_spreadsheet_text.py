"""Texts of reports in CSV are no formulas to a spreadsheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.domain.spreadsheet_text import spreadsheet_text


@pytest.mark.parametrize("formula", ['=HYPERLINK("//x")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_would_be_a_formula_is_text(formula: str) -> None:
    """Behind an apostrophe it stands as it is."""
    assert spreadsheet_text(formula) == f"'{formula}"


@given(st.text())
def test_nothing_else_is_changed(text: str) -> None:
    """No text begins a formula then, and what was none is itself."""
    written = spreadsheet_text(text)
    assert written[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert written in (text, f"'{text}")
    assert (written == text) == (text[:1] not in {"=", "+", "-", "@", "\t", "\r"})
