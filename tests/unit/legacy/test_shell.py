import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.legacy.shell import commands

# What a shell's words may hold; no NUL.
WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@settings(deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1), min_size=1), st.sampled_from(["\n", "; ", " && ", " | ", "\n# a ' note\n"])
)
def test_words_quoted_for_a_shell_come_back(lines, joint):
    assert list(commands(joint.join(map(shlex.join, lines)))) == lines


@settings(deadline=None)
@given(WORDS)
def test_a_word_in_double_quotes_comes_back(word):
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    assert list(commands(f'x "{escaped}"')) == [["x", word]]


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]).filter(lambda c: c != "\x00")))
def test_a_word_as_browsers_quote_it_comes_back(word):
    escaped = "".join(f"\\u{ord(char):04x}" if char in "\\'!" or ord(char) > 126 else char for char in word)
    assert list(commands(f"x $'{escaped}'")) == [["x", word]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a \\\n b", [["a", "b"]]),
        ("a \\\r\n  b", [["a", "b"]]),
        ("a 'b'\"c\"d", [["a", "bcd"]]),
        ("a ''", [["a", ""]]),
        ("# all of it", []),
        ("a#b", [["a#b"]]),
        ("a $TOKEN ${X}", [["a", "$TOKEN", "${X}"]]),
        ("a $'\\n\\x41\\101\\''", [["a", "\nAA'"]]),
        ('a "b\\n\\"c"', [["a", 'b\\n"c']]),
        ("a > b", [["a"], ["b"]]),
        ("a\\", [["a\\"]]),
    ],
)
def test_words_are_those_of_a_shell(text, words):
    assert list(commands(text)) == words


@pytest.mark.parametrize("text", ["a 'b", 'a "b\\"', "a $'b\\'"])
def test_a_quote_without_its_end_is_said(text):
    with pytest.raises(ValueError, match="never closed"):
        list(commands(text))
