"""Scalars are read as YAML 1.2 has them, every key keeps its line, and nothing odd gets through unseen."""

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.config.places import Document, Syntax, dotted, plain, read

words = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=6)
scalars = st.one_of(st.integers(-(10**9), 10**9), st.booleans(), st.text(max_size=8), st.none())
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=12,
)


@given(trees)
def test_what_was_written_in_quotes_and_brackets_is_read_back(tree: object) -> None:
    text = yaml.safe_dump(tree, default_style='"', default_flow_style=True)
    if isinstance(tree, str):
        assert read(text).data == tree
    assert read(yaml.safe_dump({"k": tree}, version=(1, 2))).data == {"k": tree}


@pytest.mark.parametrize(
    "word", ["NO", "on", "Yes", "off", "1:30", "0o17", "0x1F", "1_000", "2026-01-01", ".inf", "1e3"]
)
def test_what_people_read_as_a_word_stays_one(word: str) -> None:
    assert read(f"k: {word}").data == {"k": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-7", -7), ("2.5", 2.5), ("true", True), ("false", False), ("null", None), ("", None)],
)
def test_what_everybody_reads_as_a_number_or_truth_is_one(text: str, value: object) -> None:
    assert read(f"k: {text}").data == {"k": value}


def test_quotes_make_text() -> None:
    assert read("a: '7'\nb: \"true\"\nc: |\n  9\n").data == {"a": "7", "b": "true", "c": "9\n"}


def test_a_number_beyond_all_use_stays_text() -> None:
    assert plain("9" * 5000) == "9" * 5000


def test_every_key_and_item_has_its_line() -> None:
    document = read("a: 1\nb:\n  - x: 1\n    y: 2\n  - z\n")
    assert document.line(("a",)) == 1
    assert document.line(("b",)) == 2
    assert document.line(("b", 0, "y")) == 4
    assert document.line(("b", 1)) == 5


def test_a_key_that_is_not_there_is_placed_at_what_should_hold_it() -> None:
    document = read("a: 1\nb:\n  c: 2\n")
    assert document.line(("b", "missing", "deeper")) == 2
    assert document.line(("missing",)) == 1


def test_an_anchor_is_written_out_where_it_is_used() -> None:
    document = read("a: &x {n: 1}\nb: *x\n")
    assert document.data == {"a": {"n": 1}, "b": {"n": 1}}


def test_a_value_that_holds_itself_is_a_mistake() -> None:
    document = read("a: &x [1, *x]\n")
    assert [mistake.text for mistake in document.mistakes] == ["refers to itself; write the value out"]


@pytest.mark.parametrize("text", ["? [a]\n: 1\n", "a: {<<: {b: 1}}\n"])
def test_keys_that_are_no_plain_words_are_mistakes(text: str) -> None:
    assert "has a key that is no plain word" in read(text).mistakes[0].text


@pytest.mark.parametrize("tag", ["!secret x", "!!python/object:os.system x"])
def test_tags_are_never_acted_on(tag: str) -> None:
    document = read(f"a: {tag}\n")
    assert document.data in ({"a": None}, {"a": "x"})
    assert "!secret" not in tag or "has the tag !secret" in document.mistakes[0].text


def test_a_repeated_key_keeps_the_first_and_is_told_at_the_second() -> None:
    document = read("a: 1\nb: 2\na: 3\n")
    assert document.data == {"a": 1, "b": 2}
    assert [(mistake.path, mistake.line) for mistake in document.mistakes] == [(("a",), 3)]


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1\nb: 2\n", 2), ("a: 'x\n", 2), ("a: 1\n  b: 2\n", 2), ("\ta: 1\n", 1)]
)
def test_a_syntax_error_has_a_line(text: str, line: int) -> None:
    with pytest.raises(Syntax) as caught:
        read(text)
    assert caught.value.line == line


def test_nothing_is_nothing() -> None:
    assert read("# only a comment\n") == Document(None, {}, ())


@given(st.lists(st.one_of(words, st.integers(0, 9)), min_size=1, max_size=4))
def test_a_path_names_each_of_its_parts(parts: list[str | int]) -> None:
    text = dotted(tuple(parts))
    assert all((f"[{part}]" if isinstance(part, int) else part) in text for part in parts)


@given(st.text(max_size=60))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(Syntax):
        assert read(text).line(()) == 1 or text.strip()
