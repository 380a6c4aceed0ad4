"""Strangers' text on a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.one_line import one_line


@given(st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    assert one_line(text).isprintable()
    assert len(one_line(text)) == len(text)


def test_words_stay() -> None:
    assert one_line("Größe 20 °C €") == "Größe 20 °C €"
    assert one_line("a\x1b[31m\nb\x9b\u202e") == "a?[31m b??"
