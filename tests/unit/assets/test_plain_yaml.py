import pytest
import yaml

from facade.assets.files import plain_yaml


@pytest.mark.parametrize(
    "text", ["12:34:56", "0012", "No", "on", "2025-01-01", "65e12", "1_000", "0x1f", ".inf", "1e5"]
)
def test_what_looks_like_an_identifier_stays_text(text):
    assert plain_yaml.parse(f"id: {text}") == {"id": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-7", -7), ("2.5", 2.5), ("1.0e+17", 1e17), ("true", True), ("False", False), ("~", None), ("", None)],
)
def test_numbers_truth_and_nothing_are_read_as_such(text, value):
    read = plain_yaml.parse(f"x: {text}")["x"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["'7'", '"true"', "!!str 7"])
def test_quoted_is_text(text):
    assert isinstance(plain_yaml.parse(f"x: {text}")["x"], str)


def test_anchors_and_merges_work():
    text = "base: &base {mode: presence, height: 2}\nlist:\n- <<: *base\n  height: 3\n- *base\n"
    assert plain_yaml.parse(text)["list"] == [{"mode": "presence", "height": 3}, {"mode": "presence", "height": 2}]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a:\n  !!python/object:os.system x\n", 2, "the tag"),
        ("a: *nowhere\n", 1, "not defined"),
        ("? [a]\n: 1\n", 1, "a name must be text"),
        ("a: 1\nb: [\n", 3, "did not find"),
    ],
)
def test_a_fault_has_its_line(text, line, what):
    with pytest.raises(plain_yaml.NotYAML, match=what) as caught:
        plain_yaml.parse(text)
    assert caught.value.line == line


def test_too_deep_a_text_is_a_fault_and_no_crash():
    with pytest.raises(plain_yaml.NotYAML):
        plain_yaml.parse("[" * 5000 + "]" * 5000)


@pytest.mark.parametrize(
    "text", ["a\x85b", "a\u2028b", "\ufeffa", "ü", "12:34", "No", "1e5", "0012", "~", "a: b", "#x"]
)
def test_what_is_written_is_read_again_here_and_by_others(text):
    written = plain_yaml.write({"x": [text]})
    assert plain_yaml.parse(written) == {"x": [text]}
    assert yaml.safe_load(written) == {"x": [text]}
    assert ("ü" in written) == (text == "ü")


def test_the_line_of_a_value_is_found_through_lists_and_mappings():
    text = "# one\nrooms:\n- id: a\n- id: b\n  capacity:\n    max: 3\n"
    assert plain_yaml.line(text, ("rooms", 1, "capacity", "max")) == 6
    assert plain_yaml.line(text, ("rooms", 1, "capacity", "mid")) == 6
    assert plain_yaml.line(text, ("rooms", 1)) == 4
    assert plain_yaml.line(text, ("rooms", 9)) == 3
    assert plain_yaml.line("", ("rooms",)) == 1


def test_aliases_of_aliases_are_bounded_before_they_are_built():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(plain_yaml.NotYAML, match="aliases"):
        plain_yaml.parse("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 10_000, "- " * 10_000 + "x", "&a [*a]"])
def test_what_is_nested_without_end_is_refused(text):
    with pytest.raises(plain_yaml.NotYAML):
        plain_yaml.parse(text)


def test_a_chain_of_merged_mappings_is_bounded_too():
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: *a{n - 1}, y{n}: *a{n - 1}}}" for n in range(1, 40)]
    with pytest.raises(plain_yaml.NotYAML, match="aliases"):
        plain_yaml.parse("\n".join(lines))
