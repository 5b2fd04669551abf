import pytest

from facade.web.weights import weighted


@pytest.mark.parametrize(
    ("header", "weights"),
    [
        ("a, B;q=0.5;x=1 , c ; q = 0", [("a", 1.0), ("b", 0.5), ("c", 0.0)]),
        ("a;q=high, b;q=2, c;q=nan, d;q=", [("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)]),
        ("", [("", 1.0)]),
    ],
)
def test_a_weight_is_one_unless_given_and_zero_where_it_is_none(header, weights):
    assert [(value, weight) for value, _, weight in weighted(header)] == weights


def test_parameters_are_kept():
    [one] = weighted('multipart/mixed; deferSpec=20220824;boundary="-"')
    assert one.parameters == ["deferspec=20220824", 'boundary="-"']
