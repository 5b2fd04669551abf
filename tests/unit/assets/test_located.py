import json
import string
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from facade.assets.files import plain_yaml
from facade.assets.files.located import read_document

names = st.text(string.ascii_letters + '"\\{}[]:, é', max_size=6)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(0, 1) | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


def all_steps(value, steps=()):
    yield steps
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in inside:
        yield from all_steps(inner, (*steps, step))


@settings(deadline=None)
@given(documents, st.sampled_from([None, 0, 1, 3]))
def test_every_value_of_a_json_file_is_found_on_the_line_on_which_yaml_finds_it(tmp_path_factory, value, indent):
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    path: Path = tmp_path_factory.getbasetemp() / "lines.json"
    path.write_text(text, encoding="utf-8")
    document = read_document(path)
    assert document.value == value
    for steps in all_steps(value):
        for each in (steps, (*steps, "not there"), (*steps, 99)):
            assert document.line(each) == plain_yaml.line(text, each)


def test_of_two_equal_names_the_one_that_is_read_is_found(write):
    document = read_document(write("a.json", '{"rooms": [],\n"rooms": 3}'))
    assert (document.value, document.line(("rooms",))) == ({"rooms": 3}, 2)


def test_a_file_without_a_known_suffix_is_told_by_its_first_character(write):
    assert read_document(write("a.txt", ' {"rooms": []}')).value == {"rooms": []}
    assert read_document(write("b", "rooms: []")).value == {"rooms": []}
