import pytest

from facade.spreadsheets import unformulated


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\tx", "\r=x", "=", "-"])
def test_text_that_begins_like_a_formula_is_quoted(text):
    assert unformulated(text) == f"'{text}"


@pytest.mark.parametrize("cell", [-5, -0.5, None, True, "-5", "+1.5e-3", "", "a=b", "room_1", "2026-01-01"])
def test_all_else_stays(cell):
    assert unformulated(cell) is cell
